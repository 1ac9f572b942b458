mod health;
mod leases;
mod own;
mod persistence;
mod queue;
mod reload;
mod sealed;
mod states;
