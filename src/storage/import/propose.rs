//! A schema proposed from delimited text, with what the text says for and against it.

use super::csv::{ColumnFinding, CsvInput, CsvOptions, infer_csv};
use crate::base::{ColumnType, Result};
use crate::storage::schema::infer::propose;
use crate::storage::schema::{ImportFormat, Proposal};

/// Looks through streams with the same columns, all of each or about the first `rows_max` records, and proposes a schema. `tick` is called often; its error
/// stops the work.
pub fn propose_csv(
    namespace: &str,
    table: &str,
    inputs: Vec<CsvInput>,
    options: &CsvOptions,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Proposal> {
    let inference = infer_csv(inputs, options, rows_max, tick)?;
    let mut proposal = propose(namespace, table, ImportFormat::Csv, &inference.columns())?;
    for (column, reason) in proposal.schema.columns.iter().zip(&mut proposal.reasons) {
        let finding = inference.columns.iter().find(|finding| finding.column.name == column.name);
        for note in finding.map(|finding| notes(finding, column.column_type)).unwrap_or_default() {
            *reason += &format!("\n{note}");
        }
    }
    if inference.bad_record_count > 0
        && let Some(first) = proposal.reasons.first_mut()
    {
        *first = format!("Records left out, with a wrong number of fields: {}.\n{first}", inference.bad_record_count);
    }
    Ok(proposal)
}

/// What ruled out the narrower types, and what was assumed.
fn notes(finding: &ColumnFinding, chosen: ColumnType) -> Vec<String> {
    let mut notes = Vec::new();
    // A partitioning column is a String whatever its values look like, and what the first value already shows needs no proof.
    if finding.column.column_type == chosen {
        let first = finding.column.samples.first();
        let telling = finding.ruled_out.iter().filter(|ruled| match chosen {
            ColumnType::Long | ColumnType::Double => true,
            ColumnType::String => matches!(ruled.column_type, ColumnType::Double | ColumnType::DateTime),
            _ => false,
        });
        for ruled in telling.filter(|ruled| first != Some(&ruled.text)).take(2) {
            notes.push(format!("Not {}: line {} has {}.", ruled.column_type, ruled.line, ruled.text));
        }
    }
    if finding.zone_assumed && chosen == ColumnType::DateTime {
        notes.push("Some times name no zone; that of the import applies.".into());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_tell_what_spoke_against_narrower_types() {
        let text = "Sym,Size,At,Id\nA,1,2017-08-25 10:00:00,7\nB,2.5,2017-08-25 10:00:01,x7\nB,3\n";
        let input = CsvInput::new("t.csv", Box::new(text.as_bytes()));
        let proposal = propose_csv("Ns", "T", vec![input], &CsvOptions::default(), None, &mut || Ok(())).unwrap();
        let reason = |name: &str| {
            let at = proposal.schema.columns.iter().position(|column| column.name == name).unwrap();
            proposal.reasons[at].clone()
        };
        assert!(reason("Date").starts_with("Records left out, with a wrong number of fields: 1.\nNot in the file"));
        assert!(reason("Size").contains("\nNot int: line 3 has 2.5.\nNot long: line 3 has 2.5."), "{}", reason("Size"));
        assert!(reason("At").ends_with("Some times name no zone; that of the import applies."), "{}", reason("At"));
        assert!(reason("Id").contains("\nNot double: line 3 has x7."), "{}", reason("Id"));
        assert!(!reason("Sym").contains("Not"), "{}", reason("Sym"));
        assert!(crate::storage::schema::check(&proposal.to_toml()).is_empty());
    }
}
