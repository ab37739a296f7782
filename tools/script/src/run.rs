//! Running a script: translate, parse, evaluate on a stack of its own, and take over what it leaves behind.

use crate::definitions;
use crate::error::ScriptError;
use crate::guard;
use crate::objects::{DatabaseObject, ModuleObject, alloc_member};
use crate::source::{MODULES, Translated, translate};
use crate::state::{RunState, Stop};
use crate::value::ScriptValue;
use pilaster::base::{Error, ErrorKind, Result};
use pilaster::engine::QueryLimits;
use pilaster::io::{FileSystem, on_deep_stack};
use pilaster::session::Database;
use starlark::PrintHandler;
use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::Value;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes of a script.
const SCRIPT_BYTES_MAX: usize = 4 << 20;
/// Calls within calls that a script may make.
const CALL_DEPTH_MAX: usize = 400;
/// Bytes of the stack that a script is parsed and run on, the first that the system grants; only what is used takes memory.
const STACK_BYTES: [usize; 3] = [2 << 30, 512 << 20, 64 << 20];
/// The share of the stack's bytes that a script's values may take: lists within lists are walked by recursion, and the deepest that
/// fit this must not reach the stack's end.
const HEAP_SHARE: usize = 8;

/// What a script runs with.
pub struct Options<'a> {
    /// The script's name in messages.
    pub file_name: &'a str,
    /// The time after which it is stopped, and the memory that the process may have in use meanwhile.
    pub limits: Arc<QueryLimits>,
    /// Asked now and then: true stops the script.
    pub interrupted: fn() -> bool,
    /// Names that are there from the beginning.
    pub variables: Vec<(String, ScriptValue)>,
    /// Takes what `print` prints, without the line end.
    pub print: &'a (dyn Fn(&str) + Sync),
    /// The directory that scripts may write files into; none that they may not write any.
    pub output_directory: Option<Arc<dyn FileSystem>>,
}

impl Default for Options<'_> {
    /// No name, the default limits, stopped by Ctrl-C where the program catches it, printing to nowhere.
    fn default() -> Self {
        Options {
            file_name: "<script>",
            limits: Arc::default(),
            interrupted: pilaster::io::interrupt::is_interrupted,
            variables: Vec::new(),
            print: &|_| {},
            output_directory: None,
        }
    }
}

/// What a script left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The value of the last statement: of an expression its own, of an assignment the value assigned, otherwise none.
    pub value: ScriptValue,
    /// The script's variables in the order in which they were first assigned; functions and modules left out.
    pub scope: Vec<(String, ScriptValue)>,
}

impl Outcome {
    /// The variable of a name.
    pub fn variable(&self, name: &str) -> Option<&ScriptValue> {
        self.scope.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Runs a script over a database; without one there is no `db`.
pub fn run(source: &str, database: Option<Arc<Database>>, options: Options<'_>) -> Result<Outcome, ScriptError> {
    if source.len() > SCRIPT_BYTES_MAX {
        let error = Error::limit(format!("a script of {} bytes, the most is {SCRIPT_BYTES_MAX}", source.len()));
        return Err(ScriptError::of_error(error, options.file_name));
    }
    let translated =
        translate(source).map_err(|error| ScriptError::of_translation(error, options.file_name, source))?;
    let file_name = options.file_name;
    let limits = options.limits.clone();
    let evaluation = Evaluation { source, translated: &translated, database, options: Mutex::new(Some(options)) };
    let ran = on_deep_stack(&STACK_BYTES, |stack_bytes| limits.enter(|| evaluation.run(stack_bytes / HEAP_SHARE)));
    let failed = match ran {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(_)) => internal("the script's thread failed"),
        Err(error) => internal(&format!("cannot start the script's thread: {error}")),
    };
    Err(ScriptError::of_error(failed, file_name))
}

fn internal(message: &str) -> Error {
    Error::new(ErrorKind::Evaluation, message)
}

struct Printer<'a>(&'a (dyn Fn(&str) + Sync));

impl PrintHandler for Printer<'_> {
    fn println(&self, text: &str) -> starlark::Result<()> {
        (self.0)(text);
        Ok(())
    }
}

/// One run of a script.
struct Evaluation<'a> {
    source: &'a str,
    translated: &'a Translated,
    database: Option<Arc<Database>>,
    /// Taken by the thread that runs it.
    options: Mutex<Option<Options<'a>>>,
}

impl Evaluation<'_> {
    fn run(&self, heap_bytes: usize) -> Result<Outcome, ScriptError> {
        let options = self.options.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let stop = Stop::new(options.interrupted, options.limits);
        let base = self.database.as_ref().map_or_else(Database::scope_without_root, |database| database.query_scope());
        let state = RunState {
            file_name: options.file_name.to_owned(),
            functions: self.translated.functions_text(),
            base,
            stop: stop.clone(),
            output_directory: options.output_directory,
        };
        let printer = Printer(options.print);
        let ran = Module::with_temp_heap(|module| {
            if let Some(database) = &self.database {
                module.set("db", module.heap().alloc(DatabaseObject(database.clone())));
            }
            for (name, value) in options.variables {
                let value = value.alloc(module.heap());
                module.set(&name, value);
            }
            let ast = parse(options.file_name, self.translated.text().to_owned())?;
            let mut eval = Evaluator::new(&module);
            eval.extra = Some(&state);
            eval.set_print_handler(&printer);
            eval.set_check_cancelled(Box::new(|| stop.is_wanted()));
            // These fail only for zero or a second call.
            drop(eval.set_max_callstack_size(CALL_DEPTH_MAX));
            drop(eval.set_max_heap_size(heap_bytes));
            let value = ScriptValue::of(eval.eval_module(ast, globals())?);
            let variables = module
                .names()
                .filter_map(|name| Some((name.as_str().to_owned(), ScriptValue::of(module.get(name.as_str())?))));
            let is_shown =
                |name: &str, value: &ScriptValue| name != "db" && !matches!(value, ScriptValue::Other { .. });
            let scope: Vec<_> = variables.filter(|(name, value)| is_shown(name, value)).collect();
            Ok((value, scope))
        });
        match ran {
            Ok((value, scope)) => {
                let assigned = self.translated.last_assigned();
                let assigned = assigned.and_then(|name| scope.iter().find(|(known, _)| known == name));
                let value = assigned.map_or(value, |(_, value)| value.clone());
                Ok(Outcome { value, scope })
            }
            Err(_) if stop.is_wanted() => Err(ScriptError::of_error(stop.error(), options.file_name)),
            Err(error) => Err(ScriptError::of_starlark(error, options.file_name, self.source, self.translated)),
        }
    }
}

/// Parses translated text.
pub(crate) fn parse(file_name: &str, text: String) -> starlark::Result<AstModule> {
    let dialect = Dialect {
        enable_def: true,
        enable_lambda: true,
        enable_load: false,
        enable_keyword_only_arguments: true,
        enable_positional_only_arguments: true,
        enable_types: DialectTypes::ParseOnly,
        enable_load_reexport: false,
        enable_top_level_stmt: true,
        enable_f_strings: true,
        ..Dialect::Standard
    };
    let mut ast = AstModule::parse(file_name, text, &dialect)?;
    ast.replace_binary_operators(&guard::operators());
    Ok(ast)
}

/// Every bare name of the language.
pub(crate) fn globals() -> &'static Globals {
    static GLOBALS: OnceLock<Globals> = OnceLock::new();
    GLOBALS.get_or_init(|| {
        let extensions = [
            LibraryExtension::Print,
            LibraryExtension::Map,
            LibraryExtension::Filter,
            LibraryExtension::StructType,
            LibraryExtension::SetType,
            LibraryExtension::Json,
        ];
        let mut builder = GlobalsBuilder::extended_by(&extensions).with(import_function).with(guard::functions);
        for name in definitions::member_names("deephaven") {
            if let Some(member) = definitions::member("deephaven", &name) {
                set_member(&mut builder, &name, member);
            }
        }
        builder.set("deephaven", ModuleObject("deephaven".to_owned()));
        builder.build()
    })
}

fn set_member(builder: &mut GlobalsBuilder, name: &str, member: crate::definition::Member) {
    use crate::definition::{Member, Receiver};
    match member {
        Member::Function(definition) => {
            builder.set(name, crate::objects::CallableObject { receiver: Receiver::None, definition });
        }
        Member::Constant(ScriptValue::Int(value)) => builder.set(name, value),
        Member::Constant(ScriptValue::Float(value)) => builder.set(name, value),
        Member::Constant(_) => {}
        Member::Module(path) => builder.set(name, ModuleObject(path)),
    }
}

#[starlark_module]
fn import_function(builder: &mut GlobalsBuilder) {
    /// What import statements call: the module, or what it holds under a name.
    fn __import__<'v>(
        #[starlark(require = pos)] module: &str,
        #[starlark(require = pos)] name: Option<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let Some(name) = name else { return Ok(heap.alloc(ModuleObject(module.to_owned()))) };
        match definitions::member(module, name) {
            Some(member) => Ok(alloc_member(member, heap)),
            // `db` is no constant: it is the module's own.
            None if name == "db" && module == "deephaven" && eval.module().get("db").is_some() => {
                Ok(eval.module().get("db").unwrap_or_else(Value::new_none))
            }
            None => {
                let known = definitions::member_names(module);
                let error = Error::not_found(format!("module {module} has no {name}"));
                let hint = pilaster::base::names::nearest_hint(name, known.iter().map(String::as_str));
                Err(starlark::Error::new_native(match hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }))
            }
        }
    }
}

/// The modules that scripts can import, for completion and documentation.
pub fn module_names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: &str = "def f():\n  for i in range(2000000000):\n    pass\nf()";

    fn error_of(source: &str, options: Options<'_>) -> ScriptError {
        run(source, None, options).err().unwrap_or_else(|| panic!("{source} runs"))
    }

    fn soon() -> Arc<QueryLimits> {
        Arc::new(QueryLimits::default().with_time(std::time::Duration::from_millis(20)))
    }

    #[test]
    fn scripts_that_do_not_end_are_stopped() {
        let late = error_of(ENDLESS, Options { limits: soon(), ..Options::default() });
        assert_eq!((late.error().kind(), late.error().message()), (ErrorKind::Cancelled, "the script ran out of time"));
        let interrupted = error_of(ENDLESS, Options { interrupted: || true, ..Options::default() });
        assert_eq!(interrupted.error().message(), "interrupted");
        // Before any loop: operations on tables look as well.
        let tables = "t = emptyTable(1)\nfor i in range(2000000000):\n  t = t.update('A=i')";
        let late = error_of(tables, Options { limits: soon(), ..Options::default() });
        assert_eq!(late.error().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn variables_go_in_and_the_scope_comes_out() {
        let options = Options { variables: vec![("a".to_owned(), ScriptValue::Int(2))], ..Options::default() };
        let outcome = run("b = a + 1\ndef f():\n  pass\na = emptyTable(b)", None, options).unwrap();
        let names: Vec<&str> = outcome.scope.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(matches!(outcome.variable("b"), Some(ScriptValue::Int(3))));
        assert_eq!(outcome.value.as_table().unwrap().row_count().unwrap(), 3);
    }

    #[test]
    fn errors_carry_their_place() {
        let error = error_of("x = 1\ny = [\n  x,\n  z]", Options { file_name: "s.py", ..Options::default() });
        assert_eq!(error.position(), Some((4, 3)));
        assert!(error.to_string().starts_with("s.py:4:3: variable `z` not found"));
        assert_eq!(error_of(&" ".repeat(SCRIPT_BYTES_MAX + 1), Options::default()).error().kind(), ErrorKind::Limit);
    }
}
