// The same work done by the Rust client (crate prometheus); see ../measure.h.
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Instant;

const WINDOWS: usize = 15;
const WINDOWS_MAX: usize = 500;
const WINDOW_NS: f64 = 1e6;
const VALUES: usize = 16384;
const CHILDREN: usize = 1000;
const SERIES: usize = 100_000;
const MILLION: usize = 1_000_000;
const SCRAPES: usize = 5;
const ROWS_TOUCHED: usize = 10;
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// A loop of so many updates, by the thread of this number.
type Loop = Arc<dyn Fn(usize, usize) + Send + Sync>;

fn fill() -> (Vec<f64>, Vec<usize>) {
    let mut state: u32 = 12345;
    let mut values = Vec::new();
    let mut picks = Vec::new();
    for _ in 0..VALUES {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        let bucket = ((state >> 16) % 15) as usize;
        values.push(if bucket < 14 { BUCKETS[bucket] * 0.99 } else { 11.0 });
        picks.push((state >> 8) as usize % CHILDREN);
    }
    (values, picks)
}

fn labels() -> Vec<[String; 3]> {
    (0..CHILDREN)
        .map(|i| {
            [
                format!("METHOD{}", i % 5),
                format!("bench.handler_{}", i / 5 % 50),
                format!("{}", 200 + i / 5 / 50),
            ]
        })
        .collect()
}

fn cpu_ns() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn disturbances() -> i64 {
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage.ru_nivcsw
    }
}

/// Nanoseconds of one window, as a thread sees them, and whether it was disturbed.
fn window(run: &Loop, threads: usize, updates: usize) -> (f64, bool) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let before = Arc::new(AtomicI64::new(-1));
    let handles: Vec<_> = (0..threads)
        .map(|thread| {
            let (run, arrived, before) = (run.clone(), arrived.clone(), before.clone());
            std::thread::spawn(move || {
                run(thread, updates / 8 + 1);
                if arrived.fetch_add(1, SeqCst) + 1 == threads {
                    before.store(disturbances(), SeqCst);
                }
                while before.load(SeqCst) < 0 {}
                let start = Instant::now();
                run(thread, updates);
                (start, Instant::now())
            })
        })
        .collect();
    let times: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
    let ns = |(start, end): (Instant, Instant)| (end - start).as_nanos() as f64;
    let mean = times.iter().map(|&time| ns(time)).sum::<f64>() / threads as f64;
    let start = times.iter().map(|time| time.0).min().unwrap();
    let end = times.iter().map(|time| time.1).max().unwrap();
    let disturbed = disturbances() != before.load(SeqCst) || ns((start, end)) > 1.2 * mean;
    (mean, disturbed)
}

fn updates(run: Loop, threads: usize) {
    let mut updates = 1000;
    let mut wanted = WINDOWS;
    for _ in 0..WINDOWS_MAX {
        let (ns, disturbed) = window(&run, threads, updates);
        if ns < WINDOW_NS / 2.0 {
            updates *= 2;
            continue;
        }
        println!("update {:.3} {}", ns / updates as f64, disturbed as i32);
        wanted -= !disturbed as usize;
        if wanted == 0 {
            break;
        }
        if disturbed && ns > WINDOW_NS * 2.0 {
            updates /= 2;
        }
    }
}

fn counter_loop(own: usize) -> Loop {
    let family = IntCounterVec::new(Opts::new("bench_total", "Updates."), &["worker"]).unwrap();
    prometheus::register(Box::new(family.clone())).unwrap();
    let counters = [family.with_label_values(&["a"]), family.with_label_values(&["b"])];
    Arc::new(move |thread, updates| {
        let counter: &IntCounter = &counters[thread * own];
        for _ in 0..updates {
            counter.inc();
        }
    })
}

fn histogram_loop(own: usize) -> Loop {
    let options = HistogramOpts::new("bench_seconds", "Values.").buckets(BUCKETS.to_vec());
    let family = HistogramVec::new(options, &["worker"]).unwrap();
    prometheus::register(Box::new(family.clone())).unwrap();
    let histograms = [family.with_label_values(&["a"]), family.with_label_values(&["b"])];
    let (values, _) = fill();
    Arc::new(move |thread, updates| {
        let histogram: &Histogram = &histograms[thread * own];
        for i in 0..updates {
            histogram.observe(values[i & (VALUES - 1)]);
        }
    })
}

fn gauge_loop() -> Loop {
    let gauge = IntGauge::new("bench_inprogress", "Requests.").unwrap();
    prometheus::register(Box::new(gauge.clone())).unwrap();
    Arc::new(move |_, updates| {
        for _ in 0..updates {
            gauge.inc();
            gauge.dec();
        }
    })
}

fn requests(registry: &Registry) -> IntCounterVec {
    let options = Opts::new("bench_requests_total", "Requests.");
    let family = IntCounterVec::new(options, &["method", "handler", "code"]).unwrap();
    registry.register(Box::new(family.clone())).unwrap();
    family
}

fn lookup_loop() -> Loop {
    let family = requests(prometheus::default_registry());
    let labels = labels();
    for [method, handler, code] in &labels {
        family.with_label_values(&[method, handler, code]);
    }
    let (_, picks) = fill();
    Arc::new(move |_, updates| {
        for i in 0..updates {
            let [method, handler, code] = &labels[picks[i & (VALUES - 1)]];
            family.with_label_values(&[method, handler, code]).inc();
        }
    })
}

/// Fills `series`, whose memory was touched before, as it does not count as that of a series.
fn series_make(family: &IntCounterVec, series: &mut [IntCounter]) {
    for (i, counter) in series.iter_mut().enumerate() {
        let handler = format!("bench.handler_{}", i);
        *counter = family.with_label_values(&["GET", &handler, "200"]);
    }
}

fn touch(series: Vec<IntCounter>, threads: usize) {
    let series = Arc::new(series);
    let barrier = Arc::new(Barrier::new(threads));
    let handles: Vec<_> = (0..threads)
        .map(|thread| {
            let (series, barrier) = (series.clone(), barrier.clone());
            std::thread::spawn(move || {
                for (i, counter) in series.iter().enumerate() {
                    counter.inc_by((i * 37 + thread + 1) as u64);
                }
                barrier.wait();
            })
        })
        .collect();
    for handle in handles {
        handle.join().unwrap();
    }
    std::mem::forget(series);
}

fn scrapes(registry: &Registry, count: usize, least: usize) {
    let mut page = Vec::new();
    for i in 0..count + 1 {
        page.clear();
        let start = cpu_ns();
        TextEncoder::new().encode(&registry.gather(), &mut page).unwrap();
        assert!(page.len() >= least, "the page is too small");
        if i > 0 {
            println!("scrape {:.3} 0", cpu_ns() - start);
        }
    }
}

fn scrape() {
    let registry = Registry::new();
    let family = requests(&registry);
    let mut series = vec![IntCounter::new("x", "x").unwrap(); SERIES];
    series_make(&family, &mut series);
    touch(series, ROWS_TOUCHED);
    scrapes(&registry, SCRAPES, SERIES * 50);
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64
}

fn million() {
    let registry = Registry::new();
    let family = requests(&registry);
    let mut series = vec![IntCounter::new("x", "x").unwrap(); MILLION];
    let before = resident_bytes();
    let start = cpu_ns();
    series_make(&family, &mut series);
    println!("create {:.3} 0", (cpu_ns() - start) / MILLION as f64);
    touch(series, 1);
    println!("bytes {:.3} 0", (resident_bytes() - before) / MILLION as f64);
    scrapes(&registry, 1, MILLION * 50);
}

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "counter_1" => updates(counter_loop(0), 1),
        "counter_2_same" => updates(counter_loop(0), 2),
        "counter_2_own" => updates(counter_loop(1), 2),
        "histogram_1" => updates(histogram_loop(0), 1),
        "histogram_2_same" => updates(histogram_loop(0), 2),
        "histogram_2_own" => updates(histogram_loop(1), 2),
        "gauge_1" => updates(gauge_loop(), 1),
        "gauge_2" => updates(gauge_loop(), 2),
        "lookup_1" => updates(lookup_loop(), 1),
        "lookup_2" => updates(lookup_loop(), 2),
        "scrape" => scrape(),
        "million_1" => million(),
        _ => {
            eprintln!("usage: rust CASE; see bench/run");
            std::process::exit(2);
        }
    }
}
