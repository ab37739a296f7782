//! What formulas see of the script that runs: its variables as they are now, and its functions.

use crate::definition::Scope;
use crate::objects::CallableObject;
use crate::state::RunState;
use crate::user_function::Library;
use crate::value::ScriptValue;
use pilaster::base::{Error, Result};
use pilaster::engine::formula::{QueryScope, ScopeValue, UserFunction};
use pilaster::io::FileSystem;
use starlark::collections::SmallMap;
use starlark::eval::Evaluator;
use starlark::values::{Value, ValueLike};
use std::cell::OnceCell;
use std::sync::Arc;

/// The names at the place of a call: those of the function that makes it, then those of the module.
pub(crate) struct EvaluatorScope<'e, 'v, 'a, 'x> {
    eval: &'e Evaluator<'v, 'a, 'x>,
    locals: OnceCell<SmallMap<String, Value<'v>>>,
    library: OnceCell<Arc<Library>>,
}

impl<'e, 'v, 'a, 'x> EvaluatorScope<'e, 'v, 'a, 'x> {
    pub(crate) fn new(eval: &'e Evaluator<'v, 'a, 'x>) -> Self {
        EvaluatorScope { eval, locals: OnceCell::new(), library: OnceCell::new() }
    }

    fn value(&self, name: &str) -> Option<Value<'v>> {
        let locals = self.locals.get_or_init(|| self.eval.local_variables());
        locals.get(name).copied().or_else(|| self.eval.module().get(name))
    }

    fn state(&self) -> Result<&'e RunState> {
        let state = self.eval.extra.and_then(|extra| extra.downcast_ref::<RunState>());
        state.ok_or_else(|| Error::invalid("this runs outside of a script"))
    }

    /// The functions defined so far, compiled apart from the script so that formulas call them from any thread.
    fn library(&self) -> Result<&Arc<Library>> {
        if let Some(library) = self.library.get() {
            return Ok(library);
        }
        let module = self.eval.module();
        let variables = module.names().filter_map(|name| {
            let value = ScriptValue::of(module.get(name.as_str())?);
            (!matches!(value, ScriptValue::Other { .. })).then(|| (name.as_str().to_owned(), value))
        });
        let frames = self.eval.call_stack().into_frames();
        let executing =
            frames.iter().find_map(|frame| frame.location.as_ref()).map(|at| at.span.begin().get() as usize);
        let library = Library::compile(self.state()?, executing, variables.collect())?;
        Ok(self.library.get_or_init(|| Arc::new(library)))
    }
}

impl Scope for EvaluatorScope<'_, '_, '_, '_> {
    fn variable(&self, name: &str) -> Option<ScopeValue> {
        match ScriptValue::of(self.value(name)?) {
            ScriptValue::List(items) => {
                items.iter().map(ScriptValue::to_cell).collect::<Option<_>>().map(ScopeValue::List)
            }
            // `None` is written `null` in formulas; a variable that has no value yet must not hide a column's misspelling.
            ScriptValue::None => None,
            value => value.to_cell().map(ScopeValue::Value),
        }
    }

    fn function(&self, name: &str) -> Result<Option<Arc<dyn UserFunction>>> {
        match self.value(name) {
            Some(value) if value.get_type() == "function" && value.downcast_ref::<CallableObject>().is_none() => {
                self.library()?.function(name).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn output_directory(&self) -> Option<Arc<dyn FileSystem>> {
        self.state().ok().and_then(|state| state.output_directory.clone())
    }

    fn base(&self) -> QueryScope {
        self.state().map(|state| state.base.clone()).unwrap_or_default()
    }
}
