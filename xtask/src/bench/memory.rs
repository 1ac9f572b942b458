//! Memory of a process tree.

use std::fs;

use super::{Outcome, failed};

/// The proportional set size of the processes `tree`, in KiB: shared pages count once.
pub(super) fn proportional_set(tree: &[u32]) -> Outcome<u64> {
    let mut sum = 0;
    for id in tree {
        let path = format!("/proc/{id}/smaps_rollup");
        let text = fs::read_to_string(&path).map_err(failed(format!("cannot read {path}")))?;
        sum += kib(&text, "Pss:").ok_or_else(|| format!("{path} has no Pss"))?;
    }
    Ok(sum)
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_found_by_its_full_name() {
        let text =
            "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:   9000 kB\nPss:   1234 kB\nPss_Anon: 7 kB\n";
        assert_eq!(kib(text, "Pss:"), Some(1234));
    }
}
