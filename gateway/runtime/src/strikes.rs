//! What clients did that must not be repeated quickly, by address: wrong passwords.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sekisho_api::Key;

/// What each strike costs, in seconds: nothing for a slip, then as long as Dovecot makes its own clients wait.
const COSTS: [u64; 5] = [0, 1, 2, 4, 8];
/// What every further one costs.
const MOST: u64 = 15;

/// The most addresses remembered; those that were quiet for longest go first.
const ADDRESSES: usize = 64 * 1024;

/// Strikes of client addresses, IPv4 by address, IPv6 by /64, shared by all workers.
///
/// Only strikes take the lock: who has none costs a look at an empty or nearly empty table.
#[derive(Debug, Default)]
pub(crate) struct Strikes(Mutex<HashMap<Key, Record>>);

#[derive(Clone, Copy, Debug)]
struct Record {
    count: u32,
    last: Instant,
}

impl Strikes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Counts one and says how many the address has, and what this one costs.
    pub(crate) fn strike(&self, client: IpAddr, memory: Duration, now: Instant) -> (u32, Duration) {
        let mut records = self.0.lock();
        if records.len() >= ADDRESSES {
            make_room(&mut records, memory, now);
        }
        let record = records.entry(key(client)).or_insert(Record { count: 0, last: now });
        if now.saturating_duration_since(record.last) > memory {
            record.count = 0;
        }
        let cost = COSTS.get(record.count as usize).copied().unwrap_or(MOST);
        *record = Record { count: record.count.saturating_add(1), last: now };
        (record.count, Duration::from_secs(cost))
    }

    /// How many the address has.
    pub(crate) fn of(&self, client: IpAddr, memory: Duration, now: Instant) -> u32 {
        let records = self.0.lock();
        if records.is_empty() {
            return 0;
        }
        let record = records.get(&key(client));
        record.filter(|r| now.saturating_duration_since(r.last) <= memory).map_or(0, |r| r.count)
    }

    /// How many addresses are remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

fn key(client: IpAddr) -> Key {
    Key::source_ip(client, 32, 64)
}

/// Forgets the forgiven, and if there are none the half that was quiet for longer.
fn make_room(records: &mut HashMap<Key, Record>, memory: Duration, now: Instant) {
    records.retain(|_, record| now.saturating_duration_since(record.last) <= memory);
    if records.len() < ADDRESSES {
        return;
    }
    let mut times: Vec<Instant> = records.values().map(|record| record.last).collect();
    let half = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(half);
    let median = *median;
    records.retain(|_, record| record.last > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(600);

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn first_slip_is_free_and_each_further_strike_costs_more_up_to_a_bound() {
        let (strikes, now) = (Strikes::default(), Instant::now());
        let costs: Vec<u64> = (0..8).map(|_| strikes.strike(address(1), MEMORY, now).1.as_secs()).collect();
        assert_eq!(costs, [0, 1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(strikes.of(address(1), MEMORY, now), 8);
        assert_eq!(strikes.of(address(2), MEMORY, now), 0, "nobody else pays for it");
    }

    #[test]
    fn quiet_address_is_forgiven() {
        let (strikes, now) = (Strikes::default(), Instant::now());
        strikes.strike(address(1), MEMORY, now);
        let later = now + MEMORY + Duration::from_secs(1);
        assert_eq!(strikes.of(address(1), MEMORY, later), 0);
        assert_eq!(strikes.strike(address(1), MEMORY, later), (1, Duration::ZERO));
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stay() {
        let (strikes, now) = (Strikes::default(), Instant::now());
        for number in 0..=ADDRESSES as u32 {
            strikes.strike(address(number), MEMORY, now + Duration::from_micros(number.into()));
        }
        assert!(strikes.len() <= ADDRESSES);
        assert_eq!(strikes.of(address(ADDRESSES as u32), MEMORY, now), 1);
        assert_eq!(strikes.of(address(0), MEMORY, now), 0);
    }
}
