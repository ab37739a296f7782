//! The manual: every `--help`, as README.md has it.

use crate::run::Sandbox;
use std::path::Path;

const BEGIN: &str = "<!-- help: written by the tests -->\n";
const END: &str = "<!-- end of help -->\n";

/// The verbs below a command, as its help lists them.
fn verbs(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // Lines that go on a description are indented further.
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   ")))
        .map(str::to_string)
        .collect()
}

fn collect(sandbox: &Sandbox, path: &[&str], manual: &mut String) {
    let help = sandbox.succeed(&[path, &["--help"]].concat()).out;
    let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    assert!(help.contains("\nExample") || !verbs(&help).is_empty(), "{path:?} has no example");
    let name = [&["pilaster"], path].concat().join(" ");
    // What every verb has is told once.
    let own = if path.is_empty() { help.as_str() } else { help.split("\nGlobal options:").next().unwrap_or(&help) };
    let example = help.find("\nExample").filter(|_| own.len() < help.len()).map(|at| &help[at..]);
    manual.push_str(&format!("### `{name}`\n\n```text\n{}\n", own.trim_end()));
    if let Some(example) = example {
        manual.push_str(&format!("{}\n", example.trim_end()));
    }
    manual.push_str("```\n\n");
    for verb in verbs(&help) {
        collect(sandbox, &[path, &[verb.as_str()]].concat(), manual);
    }
}

#[test]
fn readme_has_the_help_of_every_verb() {
    let mut manual = String::new();
    collect(&Sandbox::empty(), &[], &mut manual);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if found == manual {
        return;
    }
    if std::env::var_os("PILASTER_UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{manual}{END}{after}")).unwrap();
        return;
    }
    let differs = found.lines().zip(manual.lines()).find(|(a, b)| a != b);
    panic!(
        "README.md is not what --help says, first at {differs:?}; \
         `PILASTER_UPDATE_README=1 cargo test -p pilaster-cli --test cli` writes it"
    );
}
