//! What the name of a column says of its values: it is made of words, as in `Exchange Timestamp`, `event_ts` or `sentTimeNs`.

/// Words in the names of columns of times.
const TIMES: [&str; 8] = ["ts", "time", "timestamp", "epoch", "datetime", "unixtime", "timems", "timens"];
/// Words in the names of columns that name things, whose names may be short by chance.
const SYMBOLS: [&str; 18] = [
    "sym",
    "symbol",
    "usym",
    "ticker",
    "instrument",
    "isin",
    "cusip",
    "ric",
    "security",
    "underlying",
    "product",
    "contract",
    "name",
    "id",
    "key",
    "account",
    "client",
    "user",
];

/// True where the name speaks of time.
pub(in crate::storage::import) fn is_of_time(name: &str) -> bool {
    has_one_of(name, &TIMES)
}

/// True where the name says that the values name things.
pub(in crate::storage::import) fn is_of_symbols(name: &str) -> bool {
    has_one_of(name, &SYMBOLS)
}

fn has_one_of(name: &str, words: &[&str]) -> bool {
    let (mut word, mut was_lower) = (String::new(), false);
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            if words.contains(&word.as_str()) {
                return true;
            }
            word.clear();
        }
        was_lower = c.is_lowercase();
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
    }
    words.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, time, symbols) in [
            ("ts", true, false),
            ("Exchange Timestamp", true, false),
            ("sentTimeNs", true, false),
            ("runtime", false, false),
            ("tsunami", false, false),
            ("USym", false, true),
            ("Order Id", false, true),
            ("order_id2", false, true),
            ("Side", false, false),
            ("names", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_of_time(name), is_of_symbols(name)), (time, symbols), "{name}");
        }
    }
}
