//! What became of the questions of one sample.

/// Counts of one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Answers {
    /// Questions that were answered.
    pub(crate) answered: u64,
    /// Questions that were not.
    pub(crate) lost: u64,
    /// Answers per second.
    pub(crate) per_second: f64,
}

impl Answers {
    /// From what dnsperf prints.
    pub(super) fn of_dnsperf(report: &str) -> Option<Self> {
        let after = |start: &str| {
            let line = report.lines().find_map(|line| line.trim_start().strip_prefix(start));
            line?.split_whitespace().next()
        };
        Some(Self {
            answered: after("Queries completed:")?.parse().ok()?,
            lost: after("Queries lost:")?.parse().ok()?,
            per_second: after("Queries per second:")?.parse().ok()?,
        })
    }

    /// From what h2load prints; an answer is one of status 200 to 299.
    pub(super) fn of_h2load(report: &str) -> Option<Self> {
        let after = |start: &str| report.lines().find_map(|line| line.strip_prefix(start));
        let answered = after("status codes: ")?.split_whitespace().next()?.parse().ok()?;
        let done = after("requests: ")?.split(", ").find_map(|part| part.strip_suffix(" done"))?;
        let per_second = after("finished in ")?.split(", ").find_map(|part| part.strip_suffix(" req/s"))?;
        let lost = done.parse::<u64>().ok()?.saturating_sub(answered);
        Some(Self { answered, lost, per_second: per_second.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_dnsperf_are_read() {
        let report = "Statistics:\n\n  Queries sent:         120\n  Queries completed:    119 (99.17%)\n  \
                      Queries lost:         1 (0.83%)\n\n  Queries per second:   70713.877134\n";
        let expected = Answers { answered: 119, lost: 1, per_second: 70_713.877_134 };
        assert_eq!(Answers::of_dnsperf(report), Some(expected));
        assert_eq!(Answers::of_dnsperf("[Error] unable to connect"), None);
    }

    #[test]
    fn only_good_answers_of_h2load_count() {
        let report = "finished in 2.00s, 66886.50 req/s, 5.10MB/s\n\
                      requests: 90 total, 95 started, 90 done, 80 succeeded, 10 failed, 0 errored, 0 timeout\n\
                      status codes: 80 2xx, 0 3xx, 0 4xx, 10 5xx\n";
        let expected = Answers { answered: 80, lost: 10, per_second: 66_886.5 };
        assert_eq!(Answers::of_h2load(report), Some(expected));
    }
}
