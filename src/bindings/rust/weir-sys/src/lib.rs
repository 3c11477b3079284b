//! weir's C functions, as its headers declare them, and what a callback in Rust needs besides.
//! SPDX-License-Identifier: Apache-2.0
//!
//! Names are C's; options are `weir_stage_options { kind: WEIR_PRODUCER, ..Default::default() }`,
//! in which what is zero is the default.  What weir's headers say of threads, lifetimes and
//! ownership holds: all of it is unsafe.
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case, dead_code)]
#![allow(clippy::all)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

use std::any::Any;
use std::ffi::{CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// What was thrown, as text.
fn what(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_string())
}

/// Calls a callback's body: a panic stops the stage with WEIR_REASON_EXCEPTION, the log has its
/// words, and nothing unwinds through C.
///
/// # Safety
/// `stage` is that of the running callback.
pub unsafe fn contained(
    stage: *mut weir_stage,
    body: impl FnOnce() -> weir_verdict,
) -> weir_verdict {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| unsafe {
        let name = CStr::from_ptr(weir_stage_name(stage)).to_string_lossy().into_owned();
        let line = CString::new(format!("stage {name}: panicked: {}", what(&*panic)))
            .unwrap_or_default();
        let runtime = weir_stage_runtime(stage);
        weir_log(runtime, WEIR_LOG_ERROR, c"%s".as_ptr(), line.as_ptr());
        weir_stop_with(stage, WEIR_REASON_EXCEPTION)
    })
}

/// What was refused on this thread.
pub fn refusal() -> String {
    unsafe { CStr::from_ptr(weir_refusal()).to_string_lossy().into_owned() }
}

/// The events of a batch.
///
/// # Safety
/// The batch is of Ts, and at hand: until its callback returns.
pub unsafe fn events<'a, T>(batch: weir_batch) -> &'a [T] {
    if batch.count == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(batch.events.cast(), batch.count) }
}
