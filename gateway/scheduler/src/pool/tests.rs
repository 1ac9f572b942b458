mod health;
mod leases;
mod persistence;
mod queue;
mod reload;
mod states;
