mod fake;
mod load;
