/*
 * weir: demand-driven, back-pressured stages on the cores of one server.
 * SPDX-License-Identifier: Apache-2.0
 *
 * This header includes all the others.  Start with stage.h.
 */
#ifndef WEIR_H
#define WEIR_H

#include <weir/backoff.h>
#include <weir/batcher.h>
#include <weir/call.h>
#include <weir/conflate.h>
#include <weir/dispatcher.h>
#include <weir/ending.h>
#include <weir/event.h>
#include <weir/events.h>
#include <weir/file.h>
#include <weir/inlet.h>
#include <weir/iterator.h>
#include <weir/mark.h>
#include <weir/message.h>
#include <weir/name.h>
#include <weir/observe.h>
#include <weir/output.h>
#include <weir/pipeline.h>
#include <weir/poller.h>
#include <weir/pool.h>
#include <weir/rate.h>
#include <weir/retry.h>
#include <weir/runtime.h>
#include <weir/sink.h>
#include <weir/source.h>
#include <weir/stage.h>
#include <weir/status.h>
#include <weir/stream.h>
#include <weir/subscription.h>
#include <weir/supervisor.h>
#include <weir/timer.h>
#include <weir/types.h>
#include <weir/version.h>
#include <weir/window.h>
#include <weir/wiring.h>

#endif
