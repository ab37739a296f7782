//! Files as people have them, from a proposed schema to rows: what is proposed can be deployed as it stands, and imports the file with no more options.

use crate::run::Sandbox;

/// A file, what `schema infer` and `import` are told, the columns that are proposed, and the rows that are in then.
struct Case {
    name: &'static str,
    text: &'static str,
    flags: &'static [&'static str],
    columns: &'static str,
    rows: &'static str,
}

fn check(case: &Case) {
    let Case { name, text, flags, columns, rows } = case;
    let sandbox = Sandbox::empty();
    sandbox.succeed(&["init"]);
    let file = sandbox.file("x.csv", text);
    let names = ["--namespace", "Ns", "--table", "T"];
    let infer = [&["schema", "infer", "-o", "T.toml"], &names[..], flags, &[&file]].concat();
    sandbox.succeed(&infer);
    let proposed = std::fs::read_to_string(sandbox.root().with_file_name("T.toml")).unwrap();
    sandbox.succeed(&["schema", "deploy", "T.toml"]);
    sandbox.succeed(&[&["import", "csv"], &names[..], &["--partition", "p"], flags, &[&file]].concat());
    let listed = sandbox.succeed(&["catalog", "columns", "--namespace", "Ns", "--table", "T", "--format", "csv"]).out;
    let found: Vec<String> = (listed.lines().skip(1))
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|cells| format!("{} {}", cells[2], cells[3]))
        .filter(|column| column != "Date String")
        .collect();
    assert_eq!(found.join(", "), *columns, "{name}: {proposed}");
    let out = sandbox.succeed(&["query", "--format", "csv", "-e", "db.i(\"Ns\",\"T\").dropColumns(\"Date\")"]).out;
    assert_eq!(out.lines().skip(1).collect::<Vec<_>>().join(" | "), *rows, "{name}: {proposed}");
}

#[test]
fn strange_files_come_in_as_they_are_proposed() {
    for case in [
        Case {
            name: "duplicate headers",
            text: "Px,Qty,Px,,\n1.5,2,3.5,a,b\n",
            flags: &[],
            columns: "Px double, Qty int, Px2 double, column_ char, column_2 char",
            rows: "1.5,2,3.5,a,b",
        },
        Case {
            name: "a workbook's export",
            text: "\u{feff}sep=;\r\nSymbol;Größe;Preis (€)\r\nA;1;1,5\r\nB;2;1.234,75\r\n",
            flags: &[],
            columns: "Symbol String, Groesse int, Preis_EUR double",
            rows: "A,1,1.5 | B,2,1234.75",
        },
        Case {
            name: "tabs with quotes inside",
            text: "Name\tText\nx\t\"a \"\"b\"\"\tc\"\ny\td\n",
            flags: &[],
            columns: "Name String, Text String",
            rows: "x,\"a \"\"b\"\"\tc\" | y,d",
        },
        Case { name: "bars", text: "a|b\n1|x y\n", flags: &[], columns: "a int, b String", rows: "1,x y" },
        Case {
            name: "thousands",
            text: "a,b\n\"1,234,567\",\"1,000.5\"\n12,0.25\n",
            flags: &[],
            columns: "a int, b double",
            rows: "1234567,1000.5 | 12,0.25",
        },
        Case {
            name: "signs that are told",
            text: "a,b\n1 234,\"7\"\n",
            flags: &["--thousands", " "],
            columns: "a int, b int",
            rows: "1234,7",
        },
        Case {
            name: "times with the day first",
            text: "at;n\n25/08/2017 09:30:00;1\n01/09/2017 09:30:00.5;2\n",
            flags: &["--time-zone", "UTC"],
            columns: "at DateTime, n int",
            rows: "2017-08-25T09:30:00.000000000Z,1 | 2017-09-01T09:30:00.500000000Z,2",
        },
        Case {
            name: "times with the month first, and halves of days",
            text: "at,n\n8/25/2017 9:30:00 PM,1\n",
            flags: &["--time-zone", "UTC"],
            columns: "at DateTime, n int",
            rows: "2017-08-25T21:30:00.000000000Z,1",
        },
        Case {
            name: "times of which nobody knows",
            text: "at,n\n03/04/2024 09:30:00,1\n",
            flags: &[],
            columns: "at String, n int",
            rows: "03/04/2024 09:30:00,1",
        },
        Case {
            name: "a delimiter behind the last field",
            text: "a,b,\n1,x1,\n2,y1,\n",
            flags: &[],
            columns: "a int, b String",
            rows: "1,x1 | 2,y1",
        },
        Case {
            name: "a delimiter behind the last field, but not of the header",
            text: "a,b\n1,x1,\n2,y1,\n",
            flags: &[],
            columns: "a int, b String",
            rows: "1,x1 | 2,y1",
        },
        Case {
            name: "a footer",
            text: "a;b\n1;x1\n2;y1\nTotal: 2\n",
            flags: &["--skip-footer-lines", "1"],
            columns: "a int, b String",
            rows: "1,x1 | 2,y1",
        },
        Case {
            name: "short names",
            text: "Sym,Side\nA,B\nC,S\n",
            flags: &[],
            columns: "Sym String, Side char",
            rows: "A,B | C,S",
        },
        Case {
            name: "mixed zones",
            text: "at\n2024-03-04 09:30:00.123\n2024-03-04T09:30:00+01:00\n2024-03-04T09:30:00 NY\n",
            flags: &["--time-zone", "Europe/Berlin"],
            columns: "at DateTime",
            rows: "2024-03-04T08:30:00.123000000Z | 2024-03-04T08:30:00.000000000Z | 2024-03-04T14:30:00.000000000Z",
        },
    ] {
        check(&case);
    }
}

#[test]
fn what_is_proposed_is_explained() {
    let sandbox = Sandbox::empty();
    let infer = |text: &str| {
        let file = sandbox.file("x.csv", text);
        sandbox.succeed(&["schema", "infer", "--namespace", "Ns", "--table", "T", &file]).out
    };
    for (text, expected) in [
        (
            "a;b\n1,5;2\n",
            &[
                "# Semicolons separate the fields.",
                "# Numbers have ',' before their fraction.",
                "delimiter = \";\"\ndecimal = \",\"",
            ][..],
        ),
        (
            "A,A\n1,2\n",
            &["# Field 2 of that name in the file.", "A = { source = \"A#1\" }", "A2 = { source = \"A#2\" }"],
        ),
        ("at\n25/08/2017 09:30:00\n", &["# The day comes first", "format = \"%d/%m/%Y %H:%M:%S%.f\""]),
        ("at\n03/04/2024 09:30:00\n", &["# Not DateTime: nothing shows whether the day or the month comes first."]),
        ("Side\nB\nS\n", &["# One character each. Make the type String if longer values may come."]),
    ] {
        let out = infer(text);
        for part in expected {
            assert!(out.contains(part), "{part} is not in {out}");
        }
    }
}

#[test]
fn errors_name_the_option_that_helps() {
    let sandbox = Sandbox::with_table();
    for (text, expected) in [
        ("Sym,Time,Size\nA,,1\nTotal 1\n", "--skip-footer-lines those at the end"),
        ("Sym,Time,Size\nA,,\"1,234\"\n", "--thousands , reads it as a number"),
        ("Sym,Sym,Time,Size\nA,B,,1\n", "`Sym#1` is the first of them"),
        ("Sym;Time;Size\nA;;1\n", "--delimiter ';' would separate it"),
        ("PAR1\u{15}\u{4}\u{15}", "it is a Parquet file, not text"),
    ] {
        let file = sandbox.file("x.csv", text);
        let ran =
            sandbox.run(&["import", "csv", "--namespace", "Market", "--table", "Trades", "--partition", "p", &file]);
        assert!(ran.code == 1 && ran.err.contains(expected), "{text:?}: {}", ran.err);
    }
    let file = sandbox.file("x.csv", "Sym,Sym,Time,Size\nA,B,,1\n");
    let told = ["--partition", "p", "--rename", "Sym=Sym#2", &file];
    sandbox.succeed(&[&["import", "csv", "--namespace", "Market", "--table", "Trades"], &told[..]].concat());
    let script = "db.i(\"Market\",\"Trades\").view(\"Sym\")";
    assert_eq!(sandbox.succeed(&["query", "--format", "csv", "-e", script]).out, "Sym\nB\n");
}
