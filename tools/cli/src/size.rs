//! Sizes of memory as people write them.

/// Bytes of a text such as `512MiB`, `2GiB`, `1.5GB` or `1000`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("unknown unit {unit:?}; sizes are such as 512MiB or 2GiB")),
    };
    let number: f64 = number.parse().map_err(|_| "not a size; sizes are such as 512MiB or 2GiB".to_string())?;
    let bytes = number * scale as f64;
    if (1.0..=1e18).contains(&bytes) { Ok(bytes as u64) } else { Err("out of range".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("1000", 1_000), ("2GiB", 2 << 30), ("1.5 KiB", 1_536), ("3mb", 3_000_000), ("1T", 1 << 40)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "1.2.3", "2 parsecs", "1e9", "0", "99999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
