//! Formulas and filters over a small table of all types; computed at once and when read, the values must be the same.

use super::{Target, contents, table};
use crate::dictionary;
use pilaster::base::Value;
use pilaster::engine::Table;
use pilaster::engine::formula::{QueryScope, ScopeValue};
use std::sync::{Arc, OnceLock};

pub(super) const TARGET: Target = Target { name: "formula", run, dictionary: dictionary::FORMULA, seeds };

fn run(bytes: &[u8]) {
    static TABLE: OnceLock<(Table, QueryScope)> = OnceLock::new();
    let (table, scope) = TABLE.get_or_init(|| (table(), scope()));
    let text = String::from_utf8_lossy(bytes);
    for formula in [text.to_string(), format!("New={text}")] {
        let read = |result: pilaster::base::Result<Table>| result.and_then(|table| contents(&table));
        let now = read(table.select(&[&formula], scope));
        let later = read(table.view(&[&formula], scope));
        match (&now, &later) {
            (Ok(now), Ok(later)) => assert_eq!(now, later),
            // What no row asks for is an error to nobody: both ask for all rows.
            _ => assert_eq!(now.is_ok(), later.is_ok(), "{now:?} {later:?}"),
        }
    }
    let Ok(filtered) = table.filter(&[&text], scope) else { return };
    let Ok(kept) = filtered.row_count() else { return };
    assert!(kept <= 5);
    // Each row by itself: what passes does not depend on the rows around it, unless the formula asks for these.
    if !text.contains(['i', 'k', '_']) {
        let alone = (0..5).map(|row| {
            let one = table.tail(5 - row).and_then(|rest| rest.head(1)).and_then(|one| one.filter(&[&text], scope));
            one.and_then(|one| one.row_count()).expect("a filter of all rows filters each")
        });
        assert_eq!(alone.sum::<u64>(), kept);
    }
}

fn scope() -> QueryScope {
    let mut scope = QueryScope { clock: Some(Arc::new(|| 1_503_619_200_000_000_000)), ..QueryScope::default() };
    scope.variables.insert("limit".into(), ScopeValue::Value(Value::Int(3)));
    scope.variables.insert("names".into(), ScopeValue::List(vec![Value::string("A"), Value::Null, Value::string("")]));
    scope
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "I",
        "X=I+L*2",
        "X=D/F",
        "X=S.length()",
        "X=isNull(S) ? `none` : S.toUpperCase()",
        "S=`A`",
        "S in `A`, `B`",
        "I > 0 && L < 5",
        "T > '2017-08-25T04:00:00 NY'",
        "X=I_[i-1]",
        "X=(int)D % 3",
        "C=='b' || Z",
        "S.matches(`A.*`)",
        "X=lowerBin(T, 60*1000000000L)",
        "S in names",
        "I < limit",
        "S not in names && !isNull(D)",
        "X=S.substring(0, 1).concat(`x`)",
        "X=abs(B) + sqrt(D) - floor(F)",
        "X=format(T, TZ_NY)",
        "X=min(I, L)",
        "X=-9223372036854775807L >> 3 ^ ~I",
        "X=S + I + D + T",
        "X=C + 1",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
