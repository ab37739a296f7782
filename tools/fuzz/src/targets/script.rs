//! Scripts: translated, parsed and run over a small table.

use super::{Target, table};
use crate::dictionary;
use pilaster::engine::{QueryLimits, Table};
use pilaster_script::{Options, ScriptValue};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(super) const TARGET: Target = Target { name: "script", run, dictionary: dictionary::SCRIPT, seeds };

fn run(bytes: &[u8]) {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let text = String::from_utf8_lossy(bytes);
    let options = Options {
        file_name: "s",
        limits: Arc::new(QueryLimits::default().with_time(Duration::from_millis(100)).with_memory(256 << 20)),
        interrupted: || false,
        variables: vec![("t".into(), ScriptValue::Table(TABLE.get_or_init(table).clone()))],
        print: &|_| {},
        output_directory: None,
    };
    let outcome = pilaster_script::run(&text, None, options);
    match outcome {
        Ok(outcome) => {
            for (name, value) in &outcome.scope {
                assert!(outcome.variable(name).is_some());
                // Rows that were never asked for may still be errors, but not more than that.
                if let ScriptValue::Table(table) = value
                    && table.row_count().is_ok_and(|rows| rows < 1_000)
                {
                    let _ = super::contents(table);
                }
            }
        }
        Err(error) => {
            let message = error.to_string();
            // A thread that panicked is caught at the end of the script and told as this.
            assert!(!message.contains("the script's thread failed"), "{message}");
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "x = t.where(\"I > 0\", \"S=`A`\").view(\"X=I+1\", \"S\")\nx.head(2)\n",
        "def square(value): return value * value\nu = t.update(\"Y = (long)square.call(I)\")\n",
        "from deephaven import *\nimport json\nif t is None:\n  print(1)\nelse:\n  print(f\"{len('abc')} x\")\n",
        "a = [i * 2 for i in range(5)]\nb = {\"k\": a, 1: (2, 3)}\nprint(a, b, \\\n  1)\n",
        "s = t.sumBy(\"S\")\nl = t.lastBy(\"S\", \"Z\").sort(\"S\")\nc = t.countBy(\"n\", \"S\")\nm = t.getMeta()\n",
        "e = emptyTable(5).update(\"A=i\", \"B=A*2\")\nn = newTable(intCol(\"X\", 1, 2), stringCol(\"Y\", \"a\", None))\n",
        "w = t.whereIn(t.head(1), \"S\")\nd = t.selectDistinct(\"S\").dropColumns(\"S\")\nr = t.renameColumns(\"Q=S\").sortDescending(\"Q\")\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
