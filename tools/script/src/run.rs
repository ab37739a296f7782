//! Running a script: translate, parse, evaluate on a stack of its own, and take over what it leaves behind.

use crate::definitions;
use crate::error::ScriptError;
use crate::objects::{DatabaseObject, ModuleObject, alloc_member};
use crate::source::{MODULES, Translated, translate};
use crate::state::{RunState, Stop};
use crate::value::ScriptValue;
use pilaster::base::{Error, ErrorKind, Result};
use pilaster::session::Database;
use starlark::PrintHandler;
use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::Value;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bytes of a script.
const SCRIPT_BYTES_MAX: usize = 4 << 20;
/// Calls within calls that a script may make.
const CALL_DEPTH_MAX: usize = 400;
/// Bytes of the stack that a script is parsed and run on; only what is used takes memory.
const STACK_BYTES: usize = 512 << 20;

/// What a script runs with.
pub struct Options<'a> {
    /// The script's name in messages.
    pub file_name: &'a str,
    /// The time after which it is stopped.
    pub deadline: Option<Duration>,
    /// Asked now and then: true stops the script.
    pub interrupted: fn() -> bool,
    /// Names that are there from the beginning.
    pub variables: Vec<(String, ScriptValue)>,
    /// Takes what `print` prints, without the line end.
    pub print: &'a (dyn Fn(&str) + Sync),
}

impl Default for Options<'_> {
    /// No name, no deadline, stopped by Ctrl-C where the program catches it, printing to nowhere.
    fn default() -> Self {
        Options {
            file_name: "<script>",
            deadline: None,
            interrupted: pilaster::io::interrupt::is_interrupted,
            variables: Vec::new(),
            print: &|_| {},
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
    std::thread::scope(|threads| {
        let builder = std::thread::Builder::new().name("script".into()).stack_size(STACK_BYTES);
        let running = builder.spawn_scoped(threads, || evaluate(source, &translated, database, options));
        let failed = |message: &str| ScriptError::of_error(Error::new(ErrorKind::Evaluation, message), file_name);
        match running.map(|thread| thread.join()) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(failed("the script's thread failed")),
            Err(error) => Err(failed(&format!("cannot start the script's thread: {error}"))),
        }
    })
}

struct Printer<'a>(&'a (dyn Fn(&str) + Sync));

impl PrintHandler for Printer<'_> {
    fn println(&self, text: &str) -> starlark::Result<()> {
        (self.0)(text);
        Ok(())
    }
}

fn evaluate(
    source: &str,
    translated: &Translated,
    database: Option<Arc<Database>>,
    options: Options<'_>,
) -> Result<Outcome, ScriptError> {
    let stop = Stop::new(options.interrupted, options.deadline);
    let base = database.as_ref().map(|database| database.query_scope()).unwrap_or_default();
    let state = RunState {
        file_name: options.file_name.to_owned(),
        functions: translated.functions_text(),
        base,
        stop: stop.clone(),
    };
    let printer = Printer(options.print);
    let ran = Module::with_temp_heap(|module| {
        if let Some(database) = database {
            module.set("db", module.heap().alloc(DatabaseObject(database)));
        }
        for (name, value) in options.variables {
            let value = value.alloc(module.heap());
            module.set(&name, value);
        }
        let ast = parse(options.file_name, translated.text().to_owned())?;
        let mut eval = Evaluator::new(&module);
        eval.extra = Some(&state);
        eval.set_print_handler(&printer);
        eval.set_check_cancelled(Box::new(|| stop.is_wanted()));
        // Fails only for zero or a second call.
        drop(eval.set_max_callstack_size(CALL_DEPTH_MAX));
        let value = ScriptValue::of(eval.eval_module(ast, globals())?);
        let scope = module
            .names()
            .filter_map(|name| Some((name.as_str().to_owned(), ScriptValue::of(module.get(name.as_str())?))));
        let scope: Vec<_> =
            scope.filter(|(name, value)| name != "db" && !matches!(value, ScriptValue::Other { .. })).collect();
        Ok((value, scope))
    });
    match ran {
        Ok((value, scope)) => {
            let assigned = translated.last_assigned().and_then(|name| scope.iter().find(|(known, _)| known == name));
            let value = assigned.map_or(value, |(_, value)| value.clone());
            Ok(Outcome { value, scope })
        }
        Err(_) if stop.is_wanted() => Err(ScriptError::of_error(stop.error(), options.file_name)),
        Err(error) => Err(ScriptError::of_starlark(error, options.file_name, source, translated)),
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
    AstModule::parse(file_name, text, &dialect)
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
        let mut builder = GlobalsBuilder::extended_by(&extensions).with(import_function);
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
