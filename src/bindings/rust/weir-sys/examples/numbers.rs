// A row of three stages that are Rust functions: numbers, those that are odd, their sum.
// SPDX-License-Identifier: Apache-2.0
//
//     cargo run --example numbers
//
// A fourth one panics at its first batch: it alone stops.
use core::ffi::c_void;
use weir_sys::*;

const UPTO: u64 = 1_000_000;

#[derive(Default)]
struct Sum {
    count: u64,
    sum: u64,
}

unsafe fn state<'a, T>(stage: *mut weir_stage) -> &'a mut T {
    &mut *weir_state(stage).cast()
}

unsafe extern "C" fn count(stage: *mut weir_stage, demand: u64) -> weir_verdict {
    contained(stage, || {
        let next: &mut u64 = state(stage);
        let room = weir_reserve(stage, demand.min(UPTO - *next) as usize);
        let numbers = std::slice::from_raw_parts_mut(room.events.cast::<u64>(), room.count);
        for number in numbers {
            *number = *next;
            *next += 1;
        }
        weir_commit(stage, room.count);
        weir_demand_rest(stage, (demand - room.count as u64).min(UPTO - *next));
        if *next < UPTO { WEIR_CONTINUE } else { WEIR_FINISH }
    })
}

unsafe extern "C" fn odd(stage: *mut weir_stage, batch: weir_batch) -> weir_verdict {
    contained(stage, || {
        for number in events::<u64>(batch).iter().filter(|number| *number % 2 == 1) {
            assert_eq!(weir_emit(stage, (number as *const u64).cast(), 1), WEIR_OK);
        }
        WEIR_CONTINUE
    })
}

unsafe extern "C" fn add(stage: *mut weir_stage, batch: weir_batch) -> weir_verdict {
    contained(stage, || {
        let sum: &mut *mut Sum = state(stage);
        (**sum).count += batch.count as u64;
        (**sum).sum += events::<u64>(batch).iter().sum::<u64>();
        WEIR_CONTINUE
    })
}

unsafe extern "C" fn fail(stage: *mut weir_stage, batch: weir_batch) -> weir_verdict {
    contained(stage, || panic!("a batch of {} is too much", batch.count))
}

fn must(status: weir_status) {
    assert!(status == WEIR_OK, "{}", refusal());
}

unsafe fn start(runtime: *mut weir_runtime, options: weir_stage_options) -> weir_ref {
    let mut stage = weir_ref::default();
    must(weir_stage_start(runtime, &options, &mut stage));
    stage
}

fn consumer(call: unsafe extern "C" fn(*mut weir_stage, weir_batch) -> weir_verdict)
    -> weir_stage_options {
    weir_stage_options {
        kind: WEIR_CONSUMER,
        takes_bytes: 8,
        on: weir_callbacks { handle_events: Some(call), ..Default::default() },
        ..Default::default()
    }
}

fn main() {
    let mut sum = Sum::default();
    let mut to: *mut Sum = &mut sum;
    let mut runtime = std::ptr::null_mut();
    let producer = weir_stage_options {
        kind: WEIR_PRODUCER,
        event_bytes: 8,
        state_bytes: 8,
        on: weir_callbacks { handle_demand: Some(count), ..Default::default() },
        ..Default::default()
    };
    unsafe {
        let options = weir_runtime_options { workers: 2, ..Default::default() };
        must(weir_runtime_open(&options, &mut runtime));
        let row = [
            start(runtime, producer),
            start(runtime, weir_stage_options {
                kind: WEIR_PRODUCER_CONSUMER,
                event_bytes: 8,
                ..consumer(odd)
            }),
            start(runtime, weir_stage_options {
                state: (&mut to as *mut *mut Sum).cast::<c_void>(),
                state_bytes: 8,
                ..consumer(add)
            }),
        ];
        must(weir_chain(runtime, row.as_ptr(), row.len(), std::ptr::null()));
        must(weir_runtime_run(runtime, u64::MAX));
        let failing = [start(runtime, producer), start(runtime, consumer(fail))];
        must(weir_chain(runtime, failing.as_ptr(), 2, std::ptr::null()));
        let mut reason = WEIR_REASON_NORMAL;
        must(weir_wait(runtime, failing[1], u64::MAX, &mut reason));
        assert_eq!(reason, WEIR_REASON_EXCEPTION);
        must(weir_runtime_close(runtime, std::ptr::null_mut()));
    }
    println!("{} odd numbers, together {}", sum.count, sum.sum);
    assert_eq!((sum.count, sum.sum), (UPTO / 2, UPTO * UPTO / 4));
}
