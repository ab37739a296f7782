//! Functions of a script in formulas: frozen apart from the script, so that any thread may call them.

use crate::error::lower_case;
use crate::run;
use crate::state::{RunState, Stop};
use crate::value::ScriptValue;
use pilaster::base::{Error, ErrorKind, Result, Value};
use pilaster::engine::formula::UserFunction;
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::values::OwnedFrozenValue;
use std::sync::Arc;

/// Calls within calls that a function in a formula may make: it runs on threads with small stacks.
const CALL_DEPTH_MAX: usize = 100;

/// The top-level functions of a script and the values of its variables when a formula first used one.
#[derive(Debug)]
pub(crate) struct Library {
    module: FrozenModule,
    stop: Stop,
}

impl Library {
    /// Compiles the functions that stand before a place of the translated text (all of them without one).
    pub(crate) fn compile(
        state: &RunState,
        before: Option<usize>,
        variables: Vec<(String, ScriptValue)>,
    ) -> Result<Self> {
        let mut text = state.functions.clone();
        if let Some(before) = before.filter(|before| text.is_char_boundary(*before)) {
            text.truncate(before);
        }
        let module = Module::with_temp_heap(|module| {
            for (name, value) in variables {
                let value = value.alloc(module.heap());
                module.set(&name, value);
            }
            let ast = run::parse(&state.file_name, text)?;
            let mut eval = Evaluator::new(&module);
            eval.set_check_cancelled(Box::new(|| state.stop.is_wanted()));
            eval.eval_module(ast, run::globals())?;
            drop(eval);
            module.freeze().map_err(|error| starlark::Error::new_native(Error::invalid(format!("{error:?}"))))
        });
        let module = module.map_err(|error: starlark::Error| {
            Error::new(
                ErrorKind::Evaluation,
                format!("the script's functions cannot be used in formulas: {}", error.without_diagnostic()),
            )
        })?;
        Ok(Library { module, stop: state.stop.clone() })
    }

    /// A function as formulas call it.
    pub(crate) fn function(self: &Arc<Self>, name: &str) -> Result<Arc<dyn UserFunction>> {
        let function = self.module.get_option(name).ok().flatten();
        match function.filter(|function| function.value().get_type() == "function") {
            Some(function) => Ok(Arc::new(ScriptFunction { function, library: self.clone() })),
            None => Err(Error::invalid(format!("function {name} cannot be used in a formula"))
                .hint("functions for formulas are defined with def, or name = lambda, at the top level of the script")),
        }
    }
}

/// One function of a library.
struct ScriptFunction {
    function: OwnedFrozenValue,
    library: Arc<Library>,
}

impl UserFunction for ScriptFunction {
    fn call(&self, arguments: &[Value]) -> Result<Value> {
        Module::with_temp_heap(|module| {
            let mut eval = Evaluator::new(&module);
            let stop = &self.library.stop;
            eval.set_check_cancelled(Box::new(|| stop.is_wanted()));
            // Fails only for zero or a second call.
            drop(eval.set_max_callstack_size(CALL_DEPTH_MAX));
            let heap = module.heap();
            let function = heap.access_owned_frozen_value(&self.function);
            let arguments: Vec<_> = arguments.iter().map(|cell| ScriptValue::of_cell(cell).alloc(heap)).collect();
            let result = eval.eval_function(function, &arguments, &[]).map_err(|error| self.error(&error))?;
            let result = ScriptValue::of(result);
            result.to_result().ok_or_else(|| {
                let found = result.type_name();
                Error::new(ErrorKind::Evaluation, format!("it returned {found}, which is no cell"))
            })
        })
    }
}

impl ScriptFunction {
    fn error(&self, error: &starlark::Error) -> Error {
        if self.library.stop.is_wanted() {
            return self.library.stop.error();
        }
        // Formulas say which function it was.
        Error::new(ErrorKind::Evaluation, lower_case(&error.without_diagnostic().to_string()))
    }
}
