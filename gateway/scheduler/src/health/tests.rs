use std::time::{Duration, Instant};

use sekisho_api::Failure;

use super::*;
use crate::clock::{Clock, Moment};
use crate::spec::{FlapSpec, HealthSpec, PassiveSpec};

fn spec() -> HealthSpec {
    HealthSpec {
        active: true,
        interval: seconds(10),
        fast_interval: seconds(1),
        timeout: seconds(2),
        fall: 3,
        rise: 2,
        jitter: 0.0,
        passive: PassiveSpec { suspect_after: 2, down_after: 4, retry_after: seconds(30) },
        flap: FlapSpec { changes: 4, window: seconds(100), hold: seconds(60) },
        outlier: None,
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn good() -> ProbeResult {
    ProbeResult { ok: Ok(()), took: Duration::from_millis(1) }
}

fn bad() -> ProbeResult {
    ProbeResult { ok: Err("connection refused".into()), took: Duration::from_millis(1) }
}

/// A monitor with a hand-moved clock.
struct Bench {
    monitor: Monitor,
    now: Moment,
}

impl Bench {
    fn new(spec: HealthSpec) -> Self {
        let now = Clock::new(Instant::now()).moment(Instant::now());
        Self { monitor: Monitor::new(spec, now), now }
    }

    fn proven(spec: HealthSpec) -> Self {
        let mut bench = Self::new(spec);
        bench.probe(&good());
        bench
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    fn probe(&mut self, result: &ProbeResult) -> Health {
        self.monitor.begin();
        self.monitor.probed(result, self.now, 0);
        self.monitor.health()
    }
}

#[test]
fn the_first_failed_probe_takes_an_unproven_server_down() {
    let mut bench = Bench::new(spec());
    assert_eq!(bench.monitor.health(), Health::Up);
    assert!(bench.monitor.due(bench.now));
    assert_eq!(bench.probe(&bad()), Health::Down);
}

#[test]
fn fall_failures_take_it_down_and_rise_successes_bring_it_up() {
    let mut bench = Bench::proven(spec());
    assert_eq!(bench.probe(&bad()), Health::Suspect);
    assert_eq!(bench.probe(&bad()), Health::Suspect);
    assert_eq!(bench.probe(&bad()), Health::Down);
    assert_eq!(bench.probe(&good()), Health::Down);
    assert_eq!(bench.probe(&bad()), Health::Down);
    assert_eq!(bench.probe(&good()), Health::Down);
    assert_eq!(bench.probe(&good()), Health::Up);
}

#[test]
fn a_server_that_is_not_settled_is_probed_faster() {
    let mut bench = Bench::proven(spec());
    bench.pass(seconds(5));
    assert!(!bench.monitor.due(bench.now));
    bench.pass(seconds(5));
    assert!(bench.monitor.due(bench.now));
    bench.probe(&bad());
    bench.pass(seconds(1));
    assert!(bench.monitor.due(bench.now));
}

#[test]
fn one_probe_runs_at_a_time() {
    let mut bench = Bench::new(spec());
    bench.monitor.begin();
    assert!(!bench.monitor.due(bench.now.plus(seconds(1000))));
}

#[test]
fn jitter_scatters_within_its_share() {
    for random in [0, u64::MAX / 3, u64::MAX / 2, u64::MAX] {
        let mut bench = Bench::new(HealthSpec { jitter: 0.2, ..spec() });
        bench.monitor.begin();
        bench.monitor.probed(&good(), bench.now, random);
        assert!(!bench.monitor.due(bench.now.plus(Duration::from_millis(7999))));
        assert!(bench.monitor.due(bench.now.plus(Duration::from_millis(12001))));
    }
}

#[test]
fn failing_traffic_makes_suspect_and_probes_at_once() {
    let mut bench = Bench::proven(spec());
    assert_eq!(bench.monitor.failed(Failure::Refused, 1, bench.now), None);
    assert!(!bench.monitor.due(bench.now));
    let turn = bench.monitor.failed(Failure::Refused, 2, bench.now);
    assert_eq!(turn, Some((Health::Up, Health::Suspect, Cause::TrafficFailed(Failure::Refused))));
    assert!(bench.monitor.due(bench.now));
    assert_eq!(bench.probe(&good()), Health::Up);
}

#[test]
fn with_probes_only_a_probe_brings_back_what_traffic_took_down() {
    let mut bench = Bench::proven(spec());
    bench.monitor.failed(Failure::Reset, 4, bench.now);
    assert_eq!(bench.monitor.health(), Health::Down);
    assert_eq!(bench.monitor.succeeded(bench.now), None);
    assert_eq!(bench.monitor.retry(), None);
    bench.probe(&good());
    assert_eq!(bench.probe(&good()), Health::Up);
}

#[test]
fn without_probes_a_success_after_the_absence_brings_it_back_and_a_failure_extends_it() {
    let mut bench = Bench::new(HealthSpec { active: false, ..spec() });
    assert!(!bench.monitor.due(bench.now));
    bench.monitor.failed(Failure::Reset, 4, bench.now);
    assert_eq!(bench.monitor.retry(), Some(bench.now.plus(seconds(30))));
    bench.pass(seconds(31));
    bench.monitor.failed(Failure::Reset, 5, bench.now);
    assert_eq!(bench.monitor.retry(), Some(bench.now.plus(seconds(30))));
    bench.pass(seconds(31));
    assert!(bench.monitor.succeeded(bench.now).is_some());
    assert_eq!(bench.monitor.health(), Health::Up);
    assert_eq!(bench.monitor.retry(), None);
}

#[test]
fn unwatched_traffic_changes_nothing() {
    let passive = PassiveSpec { suspect_after: 0, down_after: 1, retry_after: seconds(1) };
    let mut bench = Bench::proven(HealthSpec { passive, ..spec() });
    assert_eq!(bench.monitor.failed(Failure::Refused, 1000, bench.now), None);
}

#[test]
fn a_flapping_server_must_be_well_for_the_hold_before_it_is_used() {
    let mut bench = Bench::proven(HealthSpec { fall: 1, rise: 1, ..spec() });
    for health in [Health::Down, Health::Up, Health::Down] {
        let result = if health == Health::Up { good() } else { bad() };
        assert_eq!(bench.probe(&result), health);
        bench.pass(seconds(1));
    }
    // The fourth change would be within the window: three are remembered, this one makes it flap.
    assert_eq!(bench.probe(&good()), Health::Up);
    assert_eq!(bench.probe(&bad()), Health::Down);
    assert_eq!(bench.probe(&good()), Health::Down);
    bench.pass(seconds(30));
    assert_eq!(bench.probe(&good()), Health::Down);
    // One failure and the hold begins anew.
    assert_eq!(bench.probe(&bad()), Health::Down);
    assert_eq!(bench.probe(&good()), Health::Down);
    bench.pass(seconds(59));
    assert_eq!(bench.probe(&good()), Health::Down);
    bench.pass(seconds(1));
    assert_eq!(bench.probe(&good()), Health::Up);
}

#[test]
fn a_server_that_changes_seldom_is_not_flapping() {
    let mut bench = Bench::proven(HealthSpec { fall: 1, rise: 1, ..spec() });
    for _ in 0..10 {
        assert_eq!(bench.probe(&bad()), Health::Down);
        bench.pass(seconds(60));
        assert_eq!(bench.probe(&good()), Health::Up);
        bench.pass(seconds(60));
    }
}
