//! Names that come from outside and become directory and file names: validated here, once, for every entry point.

mod ascii;

use super::limits::NAME_BYTES_MAX;
use super::{Error, Result};
use std::collections::{HashMap, HashSet};

/// Java's keywords and the words that the formula language gives a meaning, none of which can name a column.
const RESERVED: &[&str] = &[
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "false",
    "final",
    "finally",
    "float",
    "for",
    "goto",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "while",
    "in",
    "not",
    "i",
    "ii",
    "k",
];

/// What a name names; decides its alphabet and the words in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A namespace.
    Namespace,
    /// A table.
    Table,
    /// A column: also not a reserved word.
    Column,
    /// The value of the partitioning column: also digits first, `.` and `-`.
    ColumnPartition,
    /// A source or storage: the alphabet of a partition value.
    InternalPartition,
}

impl NameKind {
    /// The word in messages.
    pub const fn word(self) -> &'static str {
        match self {
            NameKind::Namespace => "namespace",
            NameKind::Table => "table name",
            NameKind::Column => "column name",
            NameKind::ColumnPartition => "partition value",
            NameKind::InternalPartition => "internal partition",
        }
    }

    const fn is_partition(self) -> bool {
        matches!(self, NameKind::ColumnPartition | NameKind::InternalPartition)
    }
}

/// True for a word that the formula language or Java keeps for itself.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Checks a name before it becomes part of a path or a formula.
///
/// Namespaces, tables and columns: `[A-Za-z_$][A-Za-z0-9_$]*`. Partitions: also digits first, `.` and `-`, but no
/// leading dot. At most [`NAME_BYTES_MAX`] bytes. A column is not a reserved word.
pub fn check(kind: NameKind, name: &str) -> Result<()> {
    let word = kind.word();
    let refuse = |why: &str| {
        let shown: String = name.chars().take(40).collect();
        let article = if kind == NameKind::InternalPartition { "an" } else { "a" };
        Err(Error::invalid(format!("{shown:?} cannot be {article} {word}: {why}")))
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return refuse(&format!("it has {} bytes, the most is {NAME_BYTES_MAX}", name.len()));
    }
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    let partition = kind.is_partition();
    for (at, c) in name.chars().enumerate() {
        let fits =
            letter(c) || c.is_ascii_digit() && (partition || at > 0) || partition && (c == '-' || c == '.' && at > 0);
        if !fits {
            let allowed = if partition {
                "letters, digits, '_', '$', '-' and '.', not starting with '.'"
            } else {
                "letters, digits, '_' and '$', not starting with a digit"
            };
            return refuse(&format!("character {c:?} is not allowed there; allowed are {allowed}"));
        }
    }
    if kind == NameKind::Column && is_reserved(name) {
        return refuse("it is a reserved word");
    }
    Ok(())
}

/// Makes a valid column name of a header text: letters with accents become plain ones, runs of other characters one `_` between letters, a leading digit or a reserved word
/// gets the prefix `column_`, and a name in `taken` a number.
pub fn legal_column_name(text: &str, taken: &[String]) -> String {
    let mut name = legal(text);
    let base = name.len();
    let mut number = 2;
    while taken.contains(&name) {
        name.truncate(base);
        name += &number.to_string();
        number += 1;
    }
    name
}

/// Makes [`legal_column_name`]s of one text after the other, no two of them the same.
#[derive(Debug, Default)]
pub struct LegalNames {
    taken: HashSet<String>,
    /// The next number of a name: thousands of texts may want the same one.
    numbers: HashMap<String, usize>,
}

impl LegalNames {
    /// The name of a text, with a number where another one has it.
    pub fn name(&mut self, text: &str) -> String {
        let base = legal(text);
        let mut name = base.clone();
        while !self.taken.insert(name.clone()) {
            let number = self.numbers.entry(base.clone()).or_insert(2);
            name = format!("{base}{number}");
            *number += 1;
        }
        name
    }
}

fn legal(text: &str) -> String {
    let mut name = String::new();
    let mut gap = false;
    for c in text.trim().chars() {
        let mut own = [0; 4];
        let written = match c {
            c if c.is_ascii_alphanumeric() || c == '_' || c == '$' => Some(&*c.encode_utf8(&mut own)),
            c => ascii::spelled(c),
        };
        let Some(written) = written else {
            gap = true;
            continue;
        };
        // A sign that is a word stands by itself: `Change%` is `Change_Pct`.
        gap |= c.is_ascii_punctuation() && written.len() > 1;
        if std::mem::take(&mut gap) && !name.is_empty() && !name.ends_with('_') && written != "_" {
            name.push('_');
        }
        name += written;
        if name.len() >= NAME_BYTES_MAX - 20 {
            break;
        }
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || is_reserved(&name) {
        name.insert_str(0, "column_");
    }
    name
}

/// The names nearest to a wrong one, best first, for messages: at most three, by edit distance without case, and none that is more
/// than twice as far as the best.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .filter(|(d, name)| *d <= 1 + wanted.len().max(name.len()) / 2)
        .collect();
    scored.sort();
    scored.dedup();
    let best = scored.first().map_or(0, |(d, _)| *d);
    scored.into_iter().take_while(|(d, _)| *d <= 2 * best).take(3).map(|(_, name)| name).collect()
}

/// The hint for a wrong name: the nearest known ones, or all of a few, or none.
pub fn nearest_hint<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let near = nearest(wanted, known.clone());
    match near.len() {
        0 => {
            let few: Vec<&str> = known.into_iter().take(8).collect();
            (!few.is_empty()).then(|| format!("there are {}", few.join(", ")))
        }
        1 => Some(format!("the nearest is {}", near[0])),
        _ => Some(format!("the nearest are {}", near.join(", "))),
    }
}

fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_pass_and_names_that_do_not() {
        use NameKind::*;
        for (kind, name, fits) in [
            (Namespace, "LearnDeephaven", true),
            (Namespace, "../x", false),
            (Namespace, "", false),
            (Namespace, "a/b", false),
            (Namespace, "a\0b", false),
            (Namespace, "1a", false),
            (Namespace, "é", false),
            (Table, "_$9", true),
            (Table, "a.b", false),
            (Column, "Sym", true),
            (Column, "in", false),
            (Column, "double", false),
            (Column, "Sym ", false),
            (ColumnPartition, "2017-08-25", true),
            (ColumnPartition, "..", false),
            (ColumnPartition, ".hidden", false),
            (ColumnPartition, "-x", true),
            (ColumnPartition, "2017/08", false),
            (ColumnPartition, "a\n", false),
            (InternalPartition, "host.1", true),
        ] {
            assert_eq!(check(kind, name).is_ok(), fits, "{kind:?} {name:?}");
        }
        assert!(check(Table, &"x".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn headers_become_names() {
        let taken = vec!["a_b".to_string()];
        for (header, name) in
            [("a b", "a_b2"), ("in", "column_in"), ("2x", "column_2x"), ("", "column_"), ("Bid", "Bid")]
        {
            assert_eq!(legal_column_name(header, &taken), name);
        }
        for (header, name) in [
            ("Größe", "Groesse"),
            ("Gro\u{0308}ße", "Grosse"),
            ("Prix de clôture (€)", "Prix_de_cloture_EUR"),
            ("Łódź, Český", "Lodz_Cesky"),
            ("Change %", "Change_Pct"),
            ("Change%", "Change_Pct"),
            ("# Trades", "No_Trades"),
            ("a__b_", "a__b_"),
            ("_x - y-", "_x_y"),
            ("価格", "column_"),
            ("価格2", "column_2"),
            (" --- ", "column_"),
        ] {
            assert_eq!(legal_column_name(header, &[]), name, "{header}");
            assert!(check(NameKind::Column, name).is_ok(), "{name}");
        }
        let long = "ä".repeat(NAME_BYTES_MAX);
        assert!(check(NameKind::Column, &legal_column_name(&long, &[])).is_ok());
    }

    #[test]
    fn headers_that_are_the_same_get_numbers() {
        let check = |texts: &[&str], expected: &[&str]| {
            let mut names = LegalNames::default();
            assert_eq!(texts.iter().map(|text| names.name(text)).collect::<Vec<_>>(), expected);
            let mut one_by_one: Vec<String> = Vec::new();
            for text in texts {
                one_by_one.push(legal_column_name(text, &one_by_one));
            }
            assert_eq!(one_by_one, expected);
        };
        check(&["A", "B", "A", "a", "A"], &["A", "B", "A2", "a", "A3"]);
        check(&["A2", "A", "A", "A"], &["A2", "A", "A3", "A4"]);
        check(&["", "", "a b", "a-b"], &["column_", "column_2", "a_b", "a_b2"]);
        // As many as a file may have, in no time.
        let mut names = LegalNames::default();
        assert_eq!((0..10_000).map(|_| names.name("x")).last().unwrap(), "x10000");
    }

    #[test]
    fn nearest_names_come_first() {
        assert_eq!(nearest("StokQuotes", ["EODPrices", "StockQuotes", "StockTrades"])[0], "StockQuotes");
        assert_eq!(nearest_hint("sym", ["Sym", "Sym"]).unwrap(), "the nearest is Sym");
        assert_eq!(nearest_hint("zzzzzzzz", ["Sym"]).unwrap(), "there are Sym");
        assert_eq!(nearest_hint("x", []), None);
    }
}
