//! What a run found.

use std::time::Duration;

use super::load::Load;
use super::sample::{DISTURBED, Latency, Sample};

/// A whole run.
#[derive(Debug)]
pub(super) struct Results {
    /// Names, and versions for people.
    pub(super) subjects: Vec<(&'static str, String)>,
    /// Whether the figures may be judged: those of a quick run may not.
    pub(super) judged: bool,
    /// Where it was.
    pub(super) machine: String,
    /// Whether subjects and clients had to share a core.
    pub(super) shared_core: bool,
    /// Samples of each subject under each load.
    pub(super) rounds: u32,
    /// Length of a sample.
    pub(super) window: Duration,
    /// Connections behind each memory figure.
    pub(super) idle_connections: u32,
    /// One for each load.
    pub(super) rows: Vec<Row>,
    /// System calls of a small request, by subject.
    pub(super) system_calls: Vec<(&'static str, f64)>,
}

impl Results {
    /// The place of a subject in every row.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.subjects.iter().position(|(subject, _)| *subject == name)
    }
}

/// One load.
#[derive(Debug)]
pub(super) struct Row {
    /// The load.
    pub(super) load: &'static Load,
    /// One for each subject; none if it does not take this load.
    pub(super) figures: Vec<Option<Figure>>,
}

impl Row {
    /// The figure of the subject at `place`.
    pub(super) fn figure(&self, place: Option<usize>) -> Option<&Figure> {
        self.figures.get(place?)?.as_ref()
    }
}

/// One subject under one load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// The middle of the samples.
    pub(super) median: f64,
    /// The smallest.
    pub(super) least: f64,
    /// The largest.
    pub(super) most: f64,
    /// Whether others disturbed so many samples that they had to be used.
    pub(super) disturbed: bool,
    /// Medians of the samples' latencies.
    pub(super) latency: Option<Latency>,
    /// The median of the samples' units per second.
    pub(super) per_second: Option<f64>,
    /// Units that were not done, over all samples.
    pub(super) lost: u64,
}

impl Figure {
    /// From all samples: disturbed ones are left out as long as half of them remain.
    pub(super) fn of(samples: &[Sample]) -> Option<Self> {
        let calm: Vec<Sample> =
            samples.iter().copied().filter(|sample| sample.foreign_cores <= DISTURBED).collect();
        let disturbed = calm.len() * 2 < samples.len();
        let kept = if disturbed { samples } else { &calm };
        let sorted = |value: &dyn Fn(&Sample) -> Option<f64>| {
            let mut values: Vec<f64> = kept.iter().filter_map(value).collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        let latency =
            |part: fn(&Latency) -> f64| median(&sorted(&|sample| sample.latency.as_ref().map(part)));
        let figures = sorted(&|sample| Some(sample.figure));
        let (p50, p90, p99) = (latency(|l| l.p50), latency(|l| l.p90), latency(|l| l.p99));
        Some(Self {
            median: median(&figures)?,
            least: *figures.first()?,
            most: *figures.last()?,
            disturbed,
            latency: p50.zip(p90).zip(p99).map(|((p50, p90), p99)| Latency { p50, p90, p99 }),
            per_second: median(&sorted(&|sample| sample.per_second)),
            lost: samples.iter().map(|sample| sample.lost).sum(),
        })
    }

    /// How many times the figure of `other`; none if that is nothing.
    pub(super) fn ratio(&self, other: &Self) -> Option<f64> {
        (other.median > 0.0).then(|| self.median / other.median)
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*sorted.get(middle - 1)?, upper)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(figure: f64, foreign_cores: f64) -> Sample {
        Sample { figure, foreign_cores, latency: None, per_second: None, lost: 0 }
    }

    #[test]
    fn a_few_disturbed_samples_are_left_out() {
        let figure = Figure::of(&[sample(1.0, 0.0), sample(9.0, 0.9), sample(2.0, 0.1)]).unwrap();
        assert_eq!((figure.median, figure.least, figure.most, figure.disturbed), (1.5, 1.0, 2.0, false));
    }

    #[test]
    fn with_mostly_disturbed_samples_all_are_used_and_it_is_said() {
        let figure = Figure::of(&[sample(1.0, 0.0), sample(9.0, 0.9), sample(2.0, 0.9)]).unwrap();
        assert_eq!((figure.median, figure.most, figure.disturbed), (2.0, 9.0, true));
    }

    #[test]
    fn without_samples_there_is_no_figure() {
        assert_eq!(Figure::of(&[]), None);
    }
}
