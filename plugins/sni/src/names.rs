//! Which pool a server name means.

use std::collections::HashMap;

/// Exact names and wildcards, each with the index of a pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    exact: HashMap<Box<str>, usize>,
    /// By what stands behind `*.`; the star is exactly one label, as in certificates (RFC 9525, 6.3).
    wild: HashMap<Box<str>, usize>,
}

impl Names {
    /// Adds a pattern.
    ///
    /// # Errors
    /// A phrase that says what is wrong with it.
    pub(crate) fn add(&mut self, pattern: &str, pool: usize) -> Result<(), &'static str> {
        let lower = pattern.to_ascii_lowercase();
        let (map, name) = match lower.strip_prefix("*.") {
            Some(parent) => (&mut self.wild, parent),
            None => (&mut self.exact, lower.as_str()),
        };
        if name.contains('*') {
            return Err("a star stands for the whole first label, and for nothing else");
        }
        if name.is_empty()
            || name.len() > 253
            || name.split('.').any(|label| label.is_empty() || label.len() > 63)
        {
            return Err("it is no host name");
        }
        match map.insert(name.into(), pool) {
            None => Ok(()),
            Some(_) => Err("the same name stands here twice"),
        }
    }

    /// The pool of a lower-case name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.exact.get(name).or_else(|| self.wild.get(name.split_once('.')?.1)).copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wild.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_come_before_wildcards_and_a_star_is_one_label() {
        let mut names = Names::default();
        names.add("*.Example.org", 1).unwrap();
        names.add("www.example.org", 2).unwrap();
        for (name, pool) in [
            ("www.example.org", Some(2)),
            ("mail.example.org", Some(1)),
            ("a.mail.example.org", None),
            ("example.org", None),
            ("org", None),
        ] {
            assert_eq!(names.find(name), pool, "{name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let mut names = Names::default();
        names.add("a.example", 0).unwrap();
        for bad in ["", "*", "*.", "a.*.example", "w*.example", "a..b", "A.example"] {
            assert!(names.add(bad, 0).is_err(), "{bad}");
        }
    }
}
