mod health;
mod leases;
mod persistence;
mod queue;
mod reload;
mod sealed;
mod states;
