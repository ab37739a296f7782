//! Statements of Python that the script language does not have, and what to write instead.

/// The way out for a statement that begins with a word of Python's that Starlark reserves; none for other words.
pub(super) fn unsupported(word: &str) -> Option<&'static str> {
    Some(match word {
        "while" => "use `for i in range(n):` with a break",
        "class" => "use functions and dictionaries",
        "try" | "except" | "finally" | "raise" | "assert" => {
            "scripts stop at their first error; fail(\"message\") raises one"
        }
        "with" => "call the functions one after the other",
        "global" | "nonlocal" => "give the value to the function and return the new one",
        "del" => "assign another value to the name",
        "async" | "await" | "yield" => "scripts run from top to bottom",
        _ => return None,
    })
}
