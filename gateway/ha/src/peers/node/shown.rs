//! What this node's tables hold, for whoever asks: scrapers and operators, as often as they like.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, UNIX_EPOCH};

use sekisho_scheduler::Table;

use super::news::SHARE;
use super::status::TableDigest;

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Of these tables, which it does not keep, and until when it does.
    of: Option<(Vec<Weak<Table>>, Instant)>,
    digests: Vec<TableDigest>,
}

impl Shown {
    /// What these tables hold. They are gone over again once a hundred times as long has passed as that took last.
    pub(super) fn of(&mut self, tables: &[Arc<Table>], now: Instant) -> Vec<TableDigest> {
        let is = |(had, table): (&Weak<Table>, &Arc<Table>)| had.as_ptr() == Arc::as_ptr(table);
        let same = |had: &[Weak<Table>]| had.len() == tables.len() && had.iter().zip(tables).all(is);
        if !self.of.as_ref().is_some_and(|(had, until)| now < *until && same(had)) {
            let begun = Instant::now();
            self.digests = tables.iter().map(|table| digest(table, now)).collect();
            self.of =
                Some((tables.iter().map(Arc::downgrade).collect(), now + begun.elapsed() * (SHARE + 1)));
        }
        self.digests.clone()
    }
}

fn digest(table: &Table, now: Instant) -> TableDigest {
    let digest = table.digest(now);
    let changed = table.last_change().map(|stamp| UNIX_EPOCH + Duration::from_millis(stamp.millis()));
    TableDigest { domain: table.name().clone(), entries: digest.entries, sum: digest.sum, changed }
}

#[cfg(test)]
mod tests {
    use sekisho_api::{Key, KeyKind};
    use sekisho_scheduler::{Scheduler, Secret, TableSpec};

    use super::*;

    #[test]
    fn whoever_asks_at_once_again_is_told_the_same_and_tables_are_left_alone() {
        let spec = TableSpec {
            name: "default".into(),
            max_entries: 100,
            max_bytes: 10_000,
            expire: Duration::from_secs(60),
        };
        let (now, server) = (Instant::now(), Arc::from("a"));
        let build = || {
            let secret = Secret::new(&[7; 32]).unwrap();
            Scheduler::build(Vec::new(), vec![spec.clone()], &secret, 7, None, now)
        };
        let (scheduler, mut shown) = (build(), Shown::default());
        let entries =
            |shown: &mut Shown, scheduler: &Scheduler, now| shown.of(scheduler.tables(), now)[0].entries;
        assert_eq!(entries(&mut shown, &scheduler, now), 0);
        let key = Key::new(KeyKind::USER, b"anna").unwrap();
        assert!(scheduler.tables()[0].assign(&key, None, &server, now));
        assert_eq!(entries(&mut shown, &scheduler, now), 0);
        assert_eq!(entries(&mut shown, &scheduler, now + Duration::from_secs(50)), 1);
        // Other tables, after a reload.
        assert_eq!(entries(&mut shown, &build(), now), 0);
    }
}
