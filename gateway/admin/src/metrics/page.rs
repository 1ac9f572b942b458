//! The text format, line by line.
//!
//! Sources: Prometheus' *Exposition formats*, version 0.0.4 of the text format; OpenMetrics 1.0, *Text format*. They
//! differ in how counters are announced, in quotes in help texts, and in the last line.

use std::fmt::{Display, Write};

use sekisho_runtime::Distribution;

use super::names::{Family, Kind};

/// Which of the two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Prometheus' own.
    Prometheus,
    /// OpenMetrics.
    OpenMetrics,
}

impl Form {
    /// The media type.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A page under construction.
#[derive(Debug)]
pub(crate) struct Page {
    form: Form,
    text: String,
}

impl Page {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, text: String::new() }
    }

    /// Announces a family; its samples follow at once.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (announced, kind) = match (self.form, kind) {
            (Form::Prometheus, Kind::Info) => (name, Kind::Gauge),
            (Form::Prometheus, kind) => (name, kind),
            (Form::OpenMetrics, Kind::Counter) => (name.trim_end_matches("_total"), kind),
            (Form::OpenMetrics, Kind::Info) => (name.trim_end_matches("_info"), kind),
            (Form::OpenMetrics, Kind::Gauge | Kind::Histogram) => (name, kind),
        };
        let quotes = self.form == Form::OpenMetrics;
        self.text.extend(["# HELP ", announced, " "]);
        self.escaped(help, quotes);
        self.text.extend(["\n# TYPE ", announced, " ", kind.name(), "\n"]);
    }

    /// One number of a family, by the values of its labels.
    pub(crate) fn sample(&mut self, name: &str, labels: &[&str], values: &[&str], number: impl Display) {
        debug_assert_eq!(labels.len(), values.len(), "{name}");
        self.text.push_str(name);
        let mut opening = '{';
        for (label, value) in labels.iter().zip(values) {
            self.text.push(opening);
            opening = ',';
            self.text.extend([label, "=\""]);
            self.escaped(value, true);
            self.text.push('"');
        }
        if opening == ',' {
            self.text.push('}');
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, " {number}");
    }

    /// A family with all its samples; nothing of it where there are none.
    pub(crate) fn all<'v, const N: usize, T: Display>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = ([&'v str; N], T)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.family(family.name, family.kind, family.help);
        }
        for (values, number) in samples {
            self.sample(family.name, family.labels, &values, number);
        }
    }

    /// A family of histograms, one for each VIP.
    pub(crate) fn histograms<'v>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (&'v str, &'v Distribution)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.family(family.name, family.kind, family.help);
        }
        let [bucket, sum, count] = ["_bucket", "_sum", "_count"].map(|what| format!("{}{what}", family.name));
        let label = family.labels.first().copied().unwrap_or_default();
        for (of, times) in samples {
            for (bound, number) in times.cumulative() {
                // With a point in any case, as OpenMetrics wants it.
                self.sample(&bucket, &[label, "le"], &[of, &format!("{bound:?}")], number);
            }
            self.sample(&bucket, &[label, "le"], &[of, "+Inf"], times.count());
            self.sample(&sum, family.labels, &[of], times.sum());
            self.sample(&count, family.labels, &[of], times.count());
        }
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        if self.form == Form::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn escaped(&mut self, text: &str, quotes: bool) {
        for character in text.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '"' if quotes => self.text.push_str("\\\""),
                other => self.text.push(other),
            }
        }
    }
}
