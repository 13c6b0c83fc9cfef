//! Panics as data: keeps the message and place of the last one on this thread
//! instead of printing it, so that a run can report it.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
    static QUIET: RefCell<bool> = const { RefCell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `act`; a panic inside is remembered and not printed.
pub fn quietly<T>(act: impl FnOnce() -> T) -> T {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_quiet = QUIET.with(|quiet| *quiet.borrow());
            if is_quiet {
                LAST.with(|last| *last.borrow_mut() = Some(describe(info)));
            } else {
                previous(info);
            }
        }));
    });
    QUIET.with(|quiet| *quiet.borrow_mut() = true);
    let result = act();
    QUIET.with(|quiet| *quiet.borrow_mut() = false);
    result
}

/// The last panic of this thread, with its place.
pub fn last() -> Option<String> {
    LAST.with(|last| last.borrow_mut().take())
}

fn describe(info: &panic::PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".to_owned());
    match info.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message,
    }
}
