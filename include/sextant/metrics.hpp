// metrics.hpp: the metrics of C++ programs: thin types over metrics.h, from C++11 on, without
// exceptions and without memory of their own.
//
//     sextant::counter_family<2> requests;
//     int status = requests.register_in(nullptr, "requests_total", "Requests.",
//                                       {"method", "code"});
//     ...
//     requests.inc("GET", code);                // by label values; code may be a std::string
//     sextant::counter gets = requests.get("GET", "200");
//     gets.inc();                               // a handle: a nanosecond
//
// The types are handles, as cheap to copy as a pointer. One that is not registered, or whose
// registration failed, may be updated and does nothing. All rules of metrics.h hold: what is an
// error, what threads may do, how long a handle is valid.
#ifndef SEXTANT_METRICS_HPP
#define SEXTANT_METRICS_HPP

#include <cstddef>
#include <sextant/metrics.h>
#include <string>
#if __cplusplus >= 201703L
#include <string_view>
#endif

namespace sextant
{

// A label value as metrics.h takes it. A null pointer is the empty value.
inline sx_str label_value(const char *value)
{
    return value == nullptr ? sx_str{"", 0} : sx_str{value, std::char_traits<char>::length(value)};
}
inline sx_str label_value(const std::string &value)
{
    return sx_str{value.data(), value.size()};
}
#if __cplusplus >= 201703L
inline sx_str label_value(std::string_view value)
{
    return sx_str{value.data(), value.size()};
}
#endif

// A label of an exemplar. Borrows the name and the value.
template <class Value> sx_label label(const char *name, const Value &value)
{
    return sx_label{name, label_value(value)};
}

// Native buckets of this relative width; see sx_native_options, which has more options.
inline sx_native_options native_buckets(double growth_factor)
{
    sx_native_options native = {};
    native.growth_factor = growth_factor;
    return native;
}

namespace detail
{

inline sx_metric_options options_of(const char *name, const char *help)
{
    sx_metric_options options = {};
    options.name = name;
    options.help = help;
    return options;
}

// The functions of metrics.h for each type of metric.
struct counter_functions {
    using metric = sx_counter;
    using family = sx_counter_family;
    static int register_family(family **made, sx_registry *registry,
                               const sx_metric_options *options)
    {
        return sx_counter_family_register(made, registry, options);
    }
    static int get(metric **found, family *of, const sx_str *values, std::size_t count)
    {
        return sx_counter_family_get(found, of, values, count);
    }
    static int remove(family *of, const sx_str *values, std::size_t count)
    {
        return sx_counter_family_remove(of, values, count);
    }
    static int clear(family *of)
    {
        return sx_counter_family_clear(of);
    }
};

struct gauge_functions {
    using metric = sx_gauge;
    using family = sx_gauge_family;
    static int register_family(family **made, sx_registry *registry,
                               const sx_metric_options *options)
    {
        return sx_gauge_family_register(made, registry, options);
    }
    static int get(metric **found, family *of, const sx_str *values, std::size_t count)
    {
        return sx_gauge_family_get(found, of, values, count);
    }
    static int remove(family *of, const sx_str *values, std::size_t count)
    {
        return sx_gauge_family_remove(of, values, count);
    }
    static int clear(family *of)
    {
        return sx_gauge_family_clear(of);
    }
};

struct untyped_functions : gauge_functions {
    static int register_family(family **made, sx_registry *registry,
                               const sx_metric_options *options)
    {
        return sx_untyped_family_register(made, registry, options);
    }
};

struct histogram_functions {
    using metric = sx_histogram;
    using family = sx_histogram_family;
    static int register_family(family **made, sx_registry *registry,
                               const sx_metric_options *options)
    {
        return sx_histogram_family_register(made, registry, options);
    }
    static int get(metric **found, family *of, const sx_str *values, std::size_t count)
    {
        return sx_histogram_family_get(found, of, values, count);
    }
    static int remove(family *of, const sx_str *values, std::size_t count)
    {
        return sx_histogram_family_remove(of, values, count);
    }
    static int clear(family *of)
    {
        return sx_histogram_family_clear(of);
    }
};

struct summary_functions {
    using metric = sx_summary;
    using family = sx_summary_family;
    static int register_family(family **made, sx_registry *registry,
                               const sx_metric_options *options)
    {
        return sx_summary_family_register(made, registry, options);
    }
    static int get(metric **found, family *of, const sx_str *values, std::size_t count)
    {
        return sx_summary_family_get(found, of, values, count);
    }
    static int remove(family *of, const sx_str *values, std::size_t count)
    {
        return sx_summary_family_remove(of, values, count);
    }
    static int clear(family *of)
    {
        return sx_summary_family_clear(of);
    }
};

// What families of all types have. Labels: how many label names.
template <class Functions, class Handle, std::size_t Labels> class family
{
    static_assert(Labels > 0 && Labels <= SX_LABELS_MAX, "a family has 1 to SX_LABELS_MAX labels");

  public:
    // Registers the family; see sx_counter_family_register. `registry` may be null: the default
    // one. max_series: as in sx_metric_options; 0: 10,000.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const char *const (&labels)[Labels], std::size_t max_series = 0)
    {
        sx_metric_options options = options_of(name, help);
        options.max_series = max_series;
        return register_with(registry, options, labels);
    }

    // The handle of the series with these values, which is made if needed; empty on failure. It
    // pins the series. A program that removes series calls release() on it.
    template <class... Values> Handle get(const Values &...values) const
    {
        typename Functions::metric *found = nullptr;
        return with(
                   [&](const sx_str *list) {
                       return Functions::get(&found, family_, list, Labels);
                   },
                   values...) == SX_OK
                   ? Handle(found)
                   : Handle();
    }

    // Removes the series with these values; see sx_counter_family_remove.
    template <class... Values> int remove(const Values &...values) const
    {
        return with([&](const sx_str *list) { return Functions::remove(family_, list, Labels); },
                    values...);
    }

    // Removes all series; see sx_counter_family_clear.
    int clear() const
    {
        return Functions::clear(family_);
    }

    // For the functions of metrics.h.
    typename Functions::family *c_family() const
    {
        return family_;
    }

  protected:
    int register_with(sx_registry *registry, sx_metric_options options,
                      const char *const (&labels)[Labels])
    {
        const char *names[Labels + 1] = {};
        for (std::size_t i = 0; i < Labels; i++) {
            names[i] = labels[i];
        }
        options.labels = names;
        return Functions::register_family(&family_, registry, &options);
    }

    template <class Use, class... Values> static int with(Use use, const Values &...values)
    {
        static_assert(sizeof...(Values) == Labels, "the family has another number of labels");
        const sx_str list[] = {label_value(values)...};
        return use(list);
    }

    typename Functions::family *family_ = nullptr;
};

} // namespace detail

// ---- counters ----

class counter
{
  public:
    counter() = default;
    explicit counter(sx_counter *handle) : handle_(handle)
    {
    }
    // Registers a counter without labels; see sx_counter_register.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help)
    {
        const sx_metric_options options = detail::options_of(name, help);
        return sx_counter_register(&handle_, registry, &options);
    }
    void inc() const
    {
        sx_counter_inc(handle_);
    }
    void add(double delta) const
    {
        sx_counter_add(handle_, delta);
    }
    // Keeps an exemplar, too; see sx_counter_add_with_exemplar.
    template <std::size_t Count>
    void add_with_exemplar(double delta, const sx_label (&labels)[Count]) const
    {
        sx_counter_add_with_exemplar(handle_, delta, labels, Count);
    }
    template <std::size_t Count> void inc_with_exemplar(const sx_label (&labels)[Count]) const
    {
        sx_counter_inc_with_exemplar(handle_, labels, Count);
    }
    double value() const
    {
        return sx_counter_value(handle_);
    }
    explicit operator bool() const
    {
        return handle_ != nullptr;
    }
    // Gives up a handle from a family's get(); see sx_counter_release. The object is empty
    // afterwards.
    void release()
    {
        sx_counter_release(handle_);
        handle_ = nullptr;
    }
    sx_counter *c_handle() const
    {
        return handle_;
    }

  private:
    sx_counter *handle_ = nullptr;
};

template <std::size_t Labels>
class counter_family : public detail::family<detail::counter_functions, counter, Labels>
{
  public:
    // Adds to the counter with these label values; see sx_counter_family_add.
    template <class... Values> int add(double delta, const Values &...values) const
    {
        return this->with(
            [&](const sx_str *list) {
                return sx_counter_family_add(this->family_, list, Labels, delta);
            },
            values...);
    }
    template <class... Values> int inc(const Values &...values) const
    {
        return add(1, values...);
    }
};

// ---- gauges ----

class gauge
{
  public:
    gauge() = default;
    explicit gauge(sx_gauge *handle) : handle_(handle)
    {
    }
    // Registers a gauge without labels; see sx_gauge_register.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help)
    {
        const sx_metric_options options = detail::options_of(name, help);
        return sx_gauge_register(&handle_, registry, &options);
    }
    // Registers an untyped metric without labels; see sx_untyped_register.
    SX_MUST_CHECK int register_untyped_in(sx_registry *registry, const char *name, const char *help)
    {
        const sx_metric_options options = detail::options_of(name, help);
        return sx_untyped_register(&handle_, registry, &options);
    }
    void set(double value) const
    {
        sx_gauge_set(handle_, value);
    }
    void add(double delta) const
    {
        sx_gauge_add(handle_, delta);
    }
    void inc() const
    {
        sx_gauge_inc(handle_);
    }
    void dec() const
    {
        sx_gauge_dec(handle_);
    }
    double value() const
    {
        return sx_gauge_value(handle_);
    }
    explicit operator bool() const
    {
        return handle_ != nullptr;
    }
    // Gives up a handle from a family's get(); see sx_gauge_release. The object is empty
    // afterwards.
    void release()
    {
        sx_gauge_release(handle_);
        handle_ = nullptr;
    }
    sx_gauge *c_handle() const
    {
        return handle_;
    }

  private:
    sx_gauge *handle_ = nullptr;
};

namespace detail
{

template <class Functions, std::size_t Labels>
class gauge_family : public family<Functions, gauge, Labels>
{
  public:
    // Sets the gauge with these label values; see sx_gauge_family_set.
    template <class... Values> int set(double value, const Values &...values) const
    {
        return this->with(
            [&](const sx_str *list) {
                return sx_gauge_family_set(this->family_, list, Labels, value);
            },
            values...);
    }
    // Adds to the gauge with these label values; see sx_gauge_family_add.
    template <class... Values> int add(double delta, const Values &...values) const
    {
        return this->with(
            [&](const sx_str *list) {
                return sx_gauge_family_add(this->family_, list, Labels, delta);
            },
            values...);
    }
};

} // namespace detail

template <std::size_t Labels>
class gauge_family : public detail::gauge_family<detail::gauge_functions, Labels>
{
};

// Untyped metrics.
template <std::size_t Labels>
class untyped_family : public detail::gauge_family<detail::untyped_functions, Labels>
{
};

// ---- histograms ----

class histogram
{
  public:
    histogram() = default;
    explicit histogram(sx_histogram *handle) : handle_(handle)
    {
    }
    // Registers a histogram without labels and with the default buckets; see sx_histogram_register.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help)
    {
        const sx_metric_options options = detail::options_of(name, help);
        return sx_histogram_register(&handle_, registry, &options);
    }
    // The same with these upper bounds, strictly increasing.
    template <std::size_t Bounds>
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const double (&buckets)[Bounds],
                                  const sx_native_options &native = sx_native_options())
    {
        sx_metric_options options = detail::options_of(name, help);
        options.buckets = buckets;
        options.bucket_count = Bounds;
        options.native = native;
        return sx_histogram_register(&handle_, registry, &options);
    }
    // The same with native buckets only: `register_in(…, native_buckets(1.1))`.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const sx_native_options &native)
    {
        sx_metric_options options = detail::options_of(name, help);
        options.native = native;
        return sx_histogram_register(&handle_, registry, &options);
    }
    void observe(double value) const
    {
        sx_histogram_observe(handle_, value);
    }
    // Keeps an exemplar, too; see sx_histogram_observe_with_exemplar.
    template <std::size_t Count>
    void observe_with_exemplar(double value, const sx_label (&labels)[Count]) const
    {
        sx_histogram_observe_with_exemplar(handle_, value, labels, Count);
    }
    std::uint64_t count() const
    {
        return sx_histogram_count(handle_);
    }
    double sum() const
    {
        return sx_histogram_sum(handle_);
    }
    explicit operator bool() const
    {
        return handle_ != nullptr;
    }
    // Gives up a handle from a family's get(); see sx_histogram_release. The object is empty
    // afterwards.
    void release()
    {
        sx_histogram_release(handle_);
        handle_ = nullptr;
    }
    sx_histogram *c_handle() const
    {
        return handle_;
    }

  private:
    sx_histogram *handle_ = nullptr;
};

template <std::size_t Labels>
class histogram_family : public detail::family<detail::histogram_functions, histogram, Labels>
{
    using base = detail::family<detail::histogram_functions, histogram, Labels>;

  public:
    using base::register_in;
    // The same with these upper bounds, strictly increasing.
    template <std::size_t Bounds>
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const char *const (&labels)[Labels],
                                  const double (&buckets)[Bounds], std::size_t max_series = 0)
    {
        sx_metric_options options = detail::options_of(name, help);
        options.buckets = buckets;
        options.bucket_count = Bounds;
        options.max_series = max_series;
        return this->register_with(registry, options, labels);
    }
    // The same with native buckets, too.
    template <std::size_t Bounds>
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const char *const (&labels)[Labels],
                                  const double (&buckets)[Bounds], const sx_native_options &native,
                                  std::size_t max_series = 0)
    {
        sx_metric_options options = detail::options_of(name, help);
        options.buckets = buckets;
        options.bucket_count = Bounds;
        options.native = native;
        options.max_series = max_series;
        return this->register_with(registry, options, labels);
    }
    // The same with native buckets only.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const char *const (&labels)[Labels],
                                  const sx_native_options &native, std::size_t max_series = 0)
    {
        sx_metric_options options = detail::options_of(name, help);
        options.native = native;
        options.max_series = max_series;
        return this->register_with(registry, options, labels);
    }
    // Observes in the histogram with these label values; see sx_histogram_family_observe.
    template <class... Values> int observe(double value, const Values &...values) const
    {
        return this->with(
            [&](const sx_str *list) {
                return sx_histogram_family_observe(this->family_, list, Labels, value);
            },
            values...);
    }
};

// ---- summaries ----

class summary
{
  public:
    summary() = default;
    explicit summary(sx_summary *handle) : handle_(handle)
    {
    }
    // Registers a summary without labels; see sx_summary_register.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help)
    {
        const sx_metric_options options = detail::options_of(name, help);
        return sx_summary_register(&handle_, registry, &options);
    }
    void observe(double value) const
    {
        sx_summary_observe(handle_, value);
    }
    std::uint64_t count() const
    {
        return sx_summary_count(handle_);
    }
    double sum() const
    {
        return sx_summary_sum(handle_);
    }
    explicit operator bool() const
    {
        return handle_ != nullptr;
    }
    // Gives up a handle from a family's get(); see sx_summary_release. The object is empty
    // afterwards.
    void release()
    {
        sx_summary_release(handle_);
        handle_ = nullptr;
    }
    sx_summary *c_handle() const
    {
        return handle_;
    }

  private:
    sx_summary *handle_ = nullptr;
};

template <std::size_t Labels>
class summary_family : public detail::family<detail::summary_functions, summary, Labels>
{
  public:
    // Observes in the summary with these label values; see sx_summary_family_observe.
    template <class... Values> int observe(double value, const Values &...values) const
    {
        return this->with(
            [&](const sx_str *list) {
                return sx_summary_family_observe(this->family_, list, Labels, value);
            },
            values...);
    }
};

// ---- infos and state sets ----

template <std::size_t Labels> class info
{
    static_assert(Labels > 0 && Labels <= SX_LABELS_MAX, "an info has 1 to SX_LABELS_MAX labels");

  public:
    // Registers the info; see sx_info_register. The name ends in `_info`.
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const char *const (&labels)[Labels])
    {
        sx_metric_options options = detail::options_of(name, help);
        const char *names[Labels + 1] = {};
        for (std::size_t i = 0; i < Labels; i++) {
            names[i] = labels[i];
        }
        options.labels = names;
        return sx_info_register(&handle_, registry, &options);
    }
    // Replaces the values of the labels; see sx_info_set.
    template <class... Values> SX_MUST_CHECK int set(const Values &...values) const
    {
        static_assert(sizeof...(Values) == Labels, "the info has another number of labels");
        const sx_str list[] = {label_value(values)...};
        return sx_info_set(handle_, list, Labels);
    }
    explicit operator bool() const
    {
        return handle_ != nullptr;
    }
    sx_info *c_handle() const
    {
        return handle_;
    }

  private:
    sx_info *handle_ = nullptr;
};

class state_set
{
  public:
    // Registers the set; see sx_state_set_register. A state is a position in the list.
    template <std::size_t States>
    SX_MUST_CHECK int register_in(sx_registry *registry, const char *name, const char *help,
                                  const char *const (&states)[States])
    {
        const sx_metric_options options = detail::options_of(name, help);
        const char *names[States + 1] = {};
        for (std::size_t i = 0; i < States; i++) {
            names[i] = states[i];
        }
        return sx_state_set_register(&handle_, registry, &options, names);
    }
    // Makes one state true and all others false.
    void select(std::size_t state) const
    {
        sx_state_set_select(handle_, state);
    }
    void set(std::size_t state, bool is_true) const
    {
        sx_state_set_set(handle_, state, is_true);
    }
    bool get(std::size_t state) const
    {
        return sx_state_set_get(handle_, state);
    }
    explicit operator bool() const
    {
        return handle_ != nullptr;
    }
    sx_state_set *c_handle() const
    {
        return handle_;
    }

  private:
    sx_state_set *handle_ = nullptr;
};

// ---- for the rest of a block ----

// Observes the seconds from its construction to its destruction.
class timer
{
  public:
    explicit timer(const histogram &durations) : scope_(sx__time_scope_enter(durations.c_handle()))
    {
    }
    ~timer()
    {
        sx__time_scope_leave(&scope_);
    }
    timer(const timer &) = delete;
    timer &operator=(const timer &) = delete;

  private:
    sx__time_scope scope_;
};

// Adds 1 to the gauge while it exists.
class in_progress
{
  public:
    explicit in_progress(const gauge &counted) : counted_(counted)
    {
        counted_.inc();
    }
    ~in_progress()
    {
        counted_.dec();
    }
    in_progress(const in_progress &) = delete;
    in_progress &operator=(const in_progress &) = delete;

  private:
    gauge counted_;
};

} // namespace sextant

#endif
