//! Where things lie below a root. Every path is made of names that were checked, so none leaves the root.

use crate::base::Result;
use crate::base::names::{NameKind, check};
use std::path::{Path, PathBuf};

/// The file that makes a directory a root.
pub const ROOT_FILE: &str = "pilaster.toml";
/// Deployed schemas: `schemas/<Namespace>/<Table>.toml`.
pub const SCHEMAS: &str = "schemas";
/// Partitions that grow: `intraday/<Namespace>/<Table>/<source>/<column partition>/`.
pub const INTRADAY: &str = "intraday";
/// Sealed partitions: `historical/<Namespace>/<Table>/…`.
pub const HISTORICAL: &str = "historical";
/// Tables of users: `users/<Namespace>/<Table>/…`.
pub const USERS: &str = "users";

/// What repairs took away: `quarantine/<time>/<path it had>`. Nothing looks for tables there.
pub const QUARANTINE: &str = "quarantine";

/// The deployed schema of a table. Refuses names that cannot be paths.
pub fn schema_file(namespace: &str, table: &str) -> Result<PathBuf> {
    check_names(namespace, table)?;
    Ok(Path::new(SCHEMAS).join(namespace).join(format!("{table}.toml")))
}

/// The directory of a table's intraday partitions.
pub fn intraday_table(namespace: &str, table: &str) -> Result<PathBuf> {
    table_below(INTRADAY, namespace, table)
}

/// The directory of a table's sealed partitions.
pub fn historical_table(namespace: &str, table: &str) -> Result<PathBuf> {
    table_below(HISTORICAL, namespace, table)
}

fn table_below(top: &str, namespace: &str, table: &str) -> Result<PathBuf> {
    check_names(namespace, table)?;
    Ok(Path::new(top).join(namespace).join(table))
}

fn check_names(namespace: &str, table: &str) -> Result<()> {
    check(NameKind::Namespace, namespace)?;
    check(NameKind::Table, table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checked_names_become_paths() {
        assert_eq!(schema_file("Ns", "T").unwrap(), Path::new("schemas/Ns/T.toml"));
        assert_eq!(intraday_table("Ns", "T").unwrap(), Path::new("intraday/Ns/T"));
        assert_eq!(historical_table("Ns", "T").unwrap(), Path::new("historical/Ns/T"));
        for (namespace, table) in [("../x", "T"), ("Ns", ".."), ("", "T"), ("Ns", "a/b"), ("/etc", "T"), ("Ns", "a\0")]
        {
            assert!(schema_file(namespace, table).is_err(), "{namespace:?} {table:?}");
            assert!(intraday_table(namespace, table).is_err(), "{namespace:?} {table:?}");
        }
    }
}
