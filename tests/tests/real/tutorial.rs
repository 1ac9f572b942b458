//! The tutorial (`docs/tutorial.md`), typed as it stands: every block marked `console`, in order, in one shell.
//!
//! A line that begins with `$ ` is a command; what follows is what it prints. `…` stands for any words of a line, or alone
//! for any lines. Times, tokens, process numbers and clients' ports are not compared. What a command prints must be on
//! the page in full; one that prints otherwise is tried again for a while, because servers take a moment to begin, as they do
//! for somebody who types. The block marked `toml` is written to `gateway.toml`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use sekisho_tests::{program, root, sekisho};

use super::Folder;

/// The test's own addresses, in place of the page's: others may have those ports. They are as long, since columns are printed.
const ADDRESSES: [(&str, &str); 2] = [("127.0.0.1", "127.9.4.1"), ("127.0.0.2", "127.9.4.2")];
const PATIENCE: Duration = Duration::from_secs(30);
/// What is printed after each command, before how it exited.
const MARK: &str = "--- exit ";
const GAP: &str = "…";

/// Something to be done on the page.
enum Step {
    File(String),
    Command { line: usize, command: String, output: Vec<String> },
}

#[test]
fn every_command_of_the_tutorial_does_what_the_page_says() {
    // Each fails with the name of its package if it is missing.
    for name in ["python3", "dnsmasq", "curl", "dig"] {
        program(name);
    }
    let folder = Folder::new("tutorial");
    let mut terminal = Terminal::open(&folder);
    let steps = steps();
    assert!(steps.len() > 30, "only {} steps were found", steps.len());
    for step in steps {
        match step {
            Step::File(text) => _ = folder.write("gateway.toml", &text),
            Step::Command { line, command, output } => {
                terminal.try_until(line, &command, &output, &folder);
            }
        }
    }
    let (_, left) = terminal.run("wait; jobs -p");
    assert!(!left.iter().any(|line| line.trim().parse::<u32>().is_ok()), "{left:?}");
}

#[test]
fn page_is_compared_by_words_and_what_moves_is_left_out() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let same = |page: &str, real: &str| is(&lines(page), &lines(real));
    assert!(same("a  b\n--- -----", "a b\n\n-- -"));
    assert!(same("up 3 s, process 17", "up 2 m, process 4711"));
    assert!(same("02:48:36.337Z 127.0.0.1:40000 -> web/www1", "12:48:36.100Z 127.0.0.1:51034 -> web/www1"));
    assert!(same("a … d\n…\nz", "a b c d\ne\nz") && same("…\nz", "z"));
    assert!(!same("3 of 4", "2 of 4") && !same("www1", "www2") && !same("a", "a b") && !same("a", "a\nb"));
    assert!(!same("127.0.0.1:8080", "127.0.0.1:8081") && !same("a …", "b c"));
}

/// What the page has the reader do, in order.
fn steps() -> Vec<Step> {
    let mut text = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    for (page, here) in ADDRESSES {
        text = text.replace(page, here);
    }
    let (mut steps, mut block, mut file) = (Vec::new(), None, String::new());
    for (number, line) in text.lines().enumerate() {
        match (block, line.strip_prefix("```")) {
            (None, Some(name)) => block = Some(name),
            (Some(name), Some(_)) => {
                if name == "toml" {
                    steps.push(Step::File(std::mem::take(&mut file)));
                }
                block = None;
            }
            (Some("toml"), None) => file.extend([line, "\n"]),
            (Some("console"), None) => console(&mut steps, number + 1, line),
            (_, None) => {}
        }
    }
    steps
}

/// One more line of a block of commands.
fn console(steps: &mut Vec<Step>, number: usize, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        steps.push(Step::Command { line: number, command: command.to_owned(), output: Vec::new() });
        return;
    }
    match steps.last_mut() {
        Some(Step::Command { command, output, .. }) if output.is_empty() && command.ends_with('\\') => {
            command.extend(["\n", line]);
        }
        Some(Step::Command { output, .. }) => output.push(line.to_owned()),
        _ => panic!("docs/tutorial.md:{number}: nothing has printed this"),
    }
}

/// Whether the page's lines are what was printed.
fn is(page: &[String], real: &[String]) -> bool {
    let lines = |lines: &[String]| -> Vec<Vec<String>> {
        lines.iter().map(|line| words(line)).filter(|words| !words.is_empty()).collect()
    };
    let gap = vec![GAP.to_owned()];
    fits(&lines(page), &lines(real), &|line| *line == gap, &|page, real| {
        fits(page, real, &|word| word == GAP, &|page, real| page == real)
    })
}

/// Whether `real` is `page` with anything in the place of gaps.
fn fits<T>(page: &[T], real: &[T], gap: &dyn Fn(&T) -> bool, same: &dyn Fn(&T, &T) -> bool) -> bool {
    match page.split_first() {
        None => real.is_empty(),
        Some((first, rest)) if gap(first) => {
            (0..=real.len()).any(|from| fits(rest, &real[from..], gap, same))
        }
        Some((first, rest)) => real
            .split_first()
            .is_some_and(|(found, behind)| same(first, found) && fits(rest, behind, gap, same)),
    }
}

/// The words of a line, each of those that move replaced by what it is.
fn words(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_unit = |word: &&str| ["ms", "s", "m", "B"].contains(&word.trim_end_matches(','));
    let is_number = |word: &str| word.trim_end_matches(',').parse::<f64>().is_ok();
    let each = words.iter().enumerate().map(|(index, word)| {
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        let counts = words.get(index + 1).is_some_and(is_unit) || before == Some(&"process");
        let is_client = word.parse::<SocketAddr>().is_ok_and(|address| address.port() >= 32_768);
        match *word {
            word if word.starts_with("sekisho_") => "(token)",
            word if word.ends_with('Z') && word.contains(':') => "(time)",
            word if word.chars().all(|c| c == '-') => "-",
            _ if is_client => "(client)",
            word if is_number(word) && counts => "(number)",
            word if is_unit(&word) && before.is_some_and(|before| is_number(before)) => "(unit)",
            word => word,
        }
        .to_owned()
    });
    each.collect()
}

/// A shell in the test's folder.
struct Terminal {
    shell: Child,
    printed: Receiver<String>,
}

impl Terminal {
    fn open(folder: &Folder) -> Self {
        let binary = sekisho();
        let mut path = binary.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut shell = Command::new(program("bash"));
        shell.args(["--noprofile", "--norc"]).current_dir(folder.path()).env("PATH", path);
        shell.env_remove("RUST_LOG").env_remove("SEKISHO_ADMIN").process_group(0);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(shell.stdin.as_mut().unwrap(), "exec 2>&1").unwrap();
        let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let (teller, printed) = channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| teller.send(line)).ok();
        });
        Self { shell, printed }
    }

    /// How a command exits, and what is printed meanwhile.
    fn run(&mut self, command: &str) -> (String, Vec<String>) {
        let input = self.shell.stdin.as_mut().unwrap();
        writeln!(input, "{{ {command}\n}} < /dev/null\nprintf '\\n{MARK}%s\\n' $?").unwrap();
        let mut lines = Vec::new();
        loop {
            let line = self.printed.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("`{command}` does not end: {lines:?}"));
            match line.strip_prefix(MARK) {
                Some(code) => return (code.to_owned(), lines),
                None => lines.push(line),
            }
        }
    }
}

impl Terminal {
    /// Types a command until it prints what the page says.
    fn try_until(&mut self, line: usize, command: &str, page: &[String], folder: &Folder) {
        let end = Instant::now() + PATIENCE;
        let (mut code, mut printed) = self.run(command);
        while !(if page.is_empty() { code == "0" } else { is(page, &printed) }) {
            assert!(
                Instant::now() < end,
                "docs/tutorial.md:{line}: `{command}` exited with {code} and printed\n{}\nand not\n{}\n{}",
                printed.join("\n"),
                page.join("\n"),
                folder.read("gateway.log")
            );
            std::thread::sleep(Duration::from_millis(200));
            if command.ends_with('&') {
                // It is running, and prints when it comes to it.
                printed.extend(self.run(":").1);
            } else {
                (code, printed) = self.run(command);
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.shell), Signal::KILL);
        let _ = self.shell.wait();
    }
}
