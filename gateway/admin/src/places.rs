//! Places at a door: whoever has shown who they are keeps theirs, and strangers make way for each other.
//!
//! A stranger is somebody who has shown neither a good token nor a good certificate yet, which everybody is at first.
//! There is always room for one more: where there is none, the one makes way who has waited longest without asking
//! anything, among those of the address that has most. So nobody keeps an operator out by opening connections and
//! saying nothing, from one address or from many. Addresses from which operators have come lately make way last.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How many there is room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Strangers, at least one.
    pub(crate) strangers: usize,
    /// Of them, those of one address.
    pub(crate) strangers_each: usize,
    /// Those who have shown who they are.
    pub(crate) known: usize,
    /// Of them, those of one address.
    pub(crate) known_each: usize,
}

/// The places of a door.
#[derive(Clone, Debug)]
pub(crate) struct Places(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    room: Room,
    /// Whoever is in. Few enough to be looked through.
    comers: Vec<Comer>,
    /// Rises with everything that somebody does.
    latest: u64,
    /// Addresses of operators, and when one of them came last.
    seen: Vec<(IpAddr, Instant)>,
}

#[derive(Debug)]
struct Comer {
    number: u64,
    address: IpAddr,
    who: Who,
    does: Doing,
    /// When that began, as [`State::latest`] counts.
    since: u64,
    /// Dropped when they are to leave.
    _stays: oneshot::Sender<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Stranger,
    Known,
}

/// What somebody does; ordered by who makes way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// Has a connection, and asks nothing at the moment.
    Waits,
    /// Is being answered.
    Asks,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    state: Rc<RefCell<State>>,
    number: u64,
}

impl Places {
    pub(crate) fn new(room: Room) -> Self {
        Self(Rc::new(RefCell::new(State { room, comers: Vec::new(), latest: 0, seen: Vec::new() })))
    }

    /// Somebody comes in. The second is ready once they have to make way.
    pub(crate) fn enter(&self, address: IpAddr, now: Instant) -> (Place, oneshot::Receiver<()>) {
        let (stays, leaves) = oneshot::channel();
        let mut state = self.0.borrow_mut();
        let address = neighbours(address);
        state.make_way(address, now);
        let (number, who, does) = (state.next(), Who::Stranger, Doing::Waits);
        state.comers.push(Comer { number, address, who, does, since: number, _stays: stays });
        (Place { state: self.0.clone(), number }, leaves)
    }
}

impl Place {
    /// They have shown who they are. False: so many have that there is no place for another.
    pub(crate) fn proven(&self, now: Instant) -> bool {
        self.state.borrow_mut().proven(self.number, now)
    }

    /// They ask something, which is now answered.
    pub(crate) fn asks(&self) {
        self.state.borrow_mut().does(self.number, Doing::Asks);
    }

    /// They were answered, and may ask again.
    pub(crate) fn waits(&self) {
        self.state.borrow_mut().does(self.number, Doing::Waits);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Not there any more if they had to make way.
        self.state.borrow_mut().comers.retain(|comer| comer.number != self.number);
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    fn count(&self, wanted: impl Fn(&Comer) -> bool) -> usize {
        self.comers.iter().filter(|comer| wanted(comer)).count()
    }

    /// Makes room for one more stranger.
    fn make_way(&mut self, address: IpAddr, now: Instant) {
        let strangers = |comer: &Comer| comer.who == Who::Stranger;
        let mine = self.count(|comer| strangers(comer) && comer.address == address);
        if mine >= self.room.strangers_each {
            self.leave(|comer| strangers(comer) && comer.address == address);
        } else if self.count(strangers) >= self.room.strangers
            && let Some(greedy) = self.greediest(now)
        {
            self.leave(|comer| strangers(comer) && comer.address == greedy);
        }
    }

    /// The address that has most strangers, from which no operator has come lately if there is one.
    fn greediest(&self, now: Instant) -> Option<IpAddr> {
        let recent = |address: IpAddr| {
            self.seen.iter().any(|(seen, at)| *seen == address && now.saturating_duration_since(*at) < MEMORY)
        };
        let strangers = self.comers.iter().filter(|comer| comer.who == Who::Stranger);
        let rank = |comer: &&Comer| {
            let of_them = |other: &Comer| other.who == Who::Stranger && other.address == comer.address;
            (!recent(comer.address), self.count(of_them), std::cmp::Reverse(comer.since))
        };
        strangers.max_by_key(rank).map(|comer| comer.address)
    }

    /// Of these, the one leaves who has waited longest; if all ask, the one who has asked longest.
    fn leave(&mut self, of_these: impl Fn(&Comer) -> bool) {
        let these = self.comers.iter().enumerate().filter(|(_, comer)| of_these(comer));
        if let Some((at, _)) = these.min_by_key(|(_, comer)| (comer.does, comer.since)) {
            self.comers.remove(at);
        }
    }

    fn proven(&mut self, number: u64, now: Instant) -> bool {
        let this = |comer: &&Comer| comer.number == number;
        let Some((address, who)) = self.comers.iter().find(this).map(|comer| (comer.address, comer.who))
        else {
            return false;
        };
        if who == Who::Known {
            return true;
        }
        self.remember(address, now);
        let known = |comer: &Comer| comer.who == Who::Known;
        let waits = |comer: &Comer| known(comer) && comer.does == Doing::Waits;
        // Between two requests nobody is cut off from an answer.
        if self.count(|comer| known(comer) && comer.address == address) >= self.room.known_each {
            self.leave(|comer| waits(comer) && comer.address == address);
        } else if self.count(known) >= self.room.known {
            self.leave(waits);
        }
        let room = self.count(|comer| known(comer) && comer.address == address) < self.room.known_each
            && self.count(known) < self.room.known;
        if room && let Some(comer) = self.comers.iter_mut().find(|comer| comer.number == number) {
            comer.who = Who::Known;
        }
        room
    }

    fn does(&mut self, number: u64, does: Doing) {
        let since = self.next();
        if let Some(comer) = self.comers.iter_mut().find(|comer| comer.number == number) {
            (comer.does, comer.since) = (does, since);
        }
    }

    fn remember(&mut self, address: IpAddr, now: Instant) {
        self.seen.retain(|(seen, _)| *seen != address);
        if self.seen.len() >= SEEN_MAX {
            self.seen.remove(0);
        }
        self.seen.push((address, now));
    }
}

/// What counts as one address: of IPv6 a network of 64 bits, whose addresses a single host may all have.
fn neighbours(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// How long an address counts as one from which operators come.
const MEMORY: Duration = Duration::from_secs(3600);
/// The most of them.
const SEEN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { strangers: 4, strangers_each: 2, known: 3, known_each: 2 };

    /// Somebody who came in.
    struct Guest(Place, oneshot::Receiver<()>);

    impl Guest {
        fn is_in(&mut self) -> bool {
            self.1.try_recv() == Err(oneshot::error::TryRecvError::Empty)
        }
    }

    struct Hall(Places, Instant);

    impl Hall {
        fn new() -> Self {
            Self(Places::new(ROOM), Instant::now())
        }

        fn enter(&self, address: &str) -> Guest {
            let (place, leaves) = self.0.enter(address.parse().unwrap(), self.1);
            Guest(place, leaves)
        }
    }

    #[test]
    fn silent_strangers_of_one_address_make_way_for_each_other_and_for_nobody_else() {
        let hall = Hall::new();
        let mut other = hall.enter("192.0.2.2");
        let mut silent: Vec<_> = (0..5).map(|_| hall.enter("192.0.2.1")).collect();
        let stay: Vec<bool> = silent.iter_mut().map(Guest::is_in).collect();
        assert_eq!(stay, [false, false, false, true, true]);
        assert!(other.is_in());
    }

    #[test]
    fn where_all_places_are_taken_the_address_with_most_makes_way() {
        let hall = Hall::new();
        let (mut one, mut greedy) = (hall.enter("192.0.2.1"), hall.enter("192.0.2.2"));
        let (mut more, mut two) = (hall.enter("192.0.2.2"), hall.enter("192.0.2.3"));
        let mut last = hall.enter("192.0.2.4");
        assert!(one.is_in() && two.is_in() && last.is_in() && more.is_in());
        assert!(!greedy.is_in());
    }

    #[test]
    fn known_operator_keeps_the_place_however_many_strangers_come() {
        let hall = Hall::new();
        let mut known = hall.enter("192.0.2.1");
        known.0.asks();
        assert!(known.0.proven(hall.1));
        known.0.waits();
        let _silent: Vec<_> = (0..250).map(|last| hall.enter(&format!("198.51.100.{last}"))).collect();
        let mut again = hall.enter("192.0.2.1");
        assert!(known.is_in() && again.is_in());
        // And the next one from there comes in before strangers from elsewhere.
        let _more: Vec<_> = (0..250).map(|last| hall.enter(&format!("203.0.113.{last}"))).collect();
        assert!(again.is_in());
    }

    #[test]
    fn whoever_is_being_answered_makes_way_after_those_who_say_nothing() {
        let hall = Hall::new();
        let (mut asks, mut waits) = (hall.enter("192.0.2.1"), hall.enter("192.0.2.1"));
        asks.0.asks();
        let mut next = hall.enter("192.0.2.1");
        assert!(asks.is_in() && next.is_in() && !waits.is_in());
        next.0.asks();
        let mut last = hall.enter("192.0.2.1");
        assert!(!asks.is_in() && last.is_in(), "also they make way at last");
    }

    #[test]
    fn of_the_known_only_those_between_two_requests_make_way() {
        let hall = Hall::new();
        let known = |address| {
            let guest = hall.enter(address);
            guest.0.asks();
            (guest.0.proven(hall.1), guest)
        };
        let (mut one, mut two) = (known("192.0.2.1").1, known("192.0.2.1").1);
        assert!(!known("192.0.2.1").0, "an address has its share");
        one.0.waits();
        assert!(known("192.0.2.1").0);
        assert!(!one.is_in() && two.is_in());
    }

    #[test]
    fn places_are_given_back() {
        let hall = Hall::new();
        let guests: Vec<_> = (0..9).map(|_| hall.enter("192.0.2.1")).collect();
        drop(guests);
        assert!(hall.0.0.borrow().comers.is_empty());
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_count_as_one() {
        let address = |text: &str| neighbours(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
