/* bind.h: the private macros behind SX_BIND, SX_COMPONENT, SX_COMPONENTS, SX_SETTINGS and
 * SX_INCLUDE. Include <sextant/app.h> instead.
 *
 * A tuple such as (path, i64, id) expands to a C type, an argument and a descriptor. Its first word
 * selects the macro (SX__TYPE_FROM_path), its second word the scalar (SX__C_i64). An unknown word
 * becomes a static assertion that names it. The rest of the list is then not expanded, so that this
 * is the only error.
 */
#ifndef SEXTANT_BIND_H
#define SEXTANT_BIND_H

#define SX__CAT(a, b) SX__CAT_(a, b)
#define SX__CAT_(a, b) a##b
#define SX__COUNT(...) SX__COUNT_(__VA_ARGS__, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define SX__COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, ...) n
/* 0 where there is one argument, N where there are up to 12 more, M where there are too many. */
#define SX__HAS_PARAMS(...)                                                                        \
    SX__HAS_PARAMS_(__VA_ARGS__, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, \
                    M, M, M, M, M, M, M, M, M, M, N, N, N, N, N, N, N, N, N, N, N, N, 0, 0)
#define SX__HAS_PARAMS_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
                        a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, \
                        a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, has, ...) \
    has

/* SX__MAP(m, x, y) is m(0, x), m(1, y). Numbered, not recursive: errors stay short. */
#define SX__MAP(m, ...) SX__CAT(SX__MAP_, SX__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define SX__MAP_1(m, a0) m(0, a0)
#define SX__MAP_2(m, a0, a1) SX__MAP_1(m, a0), m(1, a1)
#define SX__MAP_3(m, a0, a1, a2) SX__MAP_2(m, a0, a1), m(2, a2)
#define SX__MAP_4(m, a0, a1, a2, a3) SX__MAP_3(m, a0, a1, a2), m(3, a3)
#define SX__MAP_5(m, a0, a1, a2, a3, a4) SX__MAP_4(m, a0, a1, a2, a3), m(4, a4)
#define SX__MAP_6(m, a0, a1, a2, a3, a4, a5) SX__MAP_5(m, a0, a1, a2, a3, a4), m(5, a5)
#define SX__MAP_7(m, a0, a1, a2, a3, a4, a5, a6) SX__MAP_6(m, a0, a1, a2, a3, a4, a5), m(6, a6)
#define SX__MAP_8(m, a0, a1, a2, a3, a4, a5, a6, a7) \
    SX__MAP_7(m, a0, a1, a2, a3, a4, a5, a6), m(7, a7)
#define SX__MAP_9(m, a0, a1, a2, a3, a4, a5, a6, a7, a8) \
    SX__MAP_8(m, a0, a1, a2, a3, a4, a5, a6, a7), m(8, a8)
#define SX__MAP_10(m, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9) \
    SX__MAP_9(m, a0, a1, a2, a3, a4, a5, a6, a7, a8), m(9, a9)
#define SX__MAP_11(m, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) \
    SX__MAP_10(m, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9), m(10, a10)
#define SX__MAP_12(m, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11) \
    SX__MAP_11(m, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10), m(11, a11)

/* SX__EACH(m, x, a, b) is m(x, a) m(x, b). */
#define SX__EACH(m, x, ...) SX__CAT(SX__EACH_, SX__COUNT(__VA_ARGS__))(m, x, __VA_ARGS__)
#define SX__EACH_1(m, x, a) m(x, a)
#define SX__EACH_2(m, x, a, ...) m(x, a) SX__EACH_1(m, x, __VA_ARGS__)
#define SX__EACH_3(m, x, a, ...) m(x, a) SX__EACH_2(m, x, __VA_ARGS__)
#define SX__EACH_4(m, x, a, ...) m(x, a) SX__EACH_3(m, x, __VA_ARGS__)
#define SX__EACH_5(m, x, a, ...) m(x, a) SX__EACH_4(m, x, __VA_ARGS__)
#define SX__EACH_6(m, x, a, ...) m(x, a) SX__EACH_5(m, x, __VA_ARGS__)
#define SX__EACH_7(m, x, a, ...) m(x, a) SX__EACH_6(m, x, __VA_ARGS__)
#define SX__EACH_8(m, x, a, ...) m(x, a) SX__EACH_7(m, x, __VA_ARGS__)
#define SX__EACH_9(m, x, a, ...) m(x, a) SX__EACH_8(m, x, __VA_ARGS__)
#define SX__EACH_10(m, x, a, ...) m(x, a) SX__EACH_9(m, x, __VA_ARGS__)
#define SX__EACH_11(m, x, a, ...) m(x, a) SX__EACH_10(m, x, __VA_ARGS__)
#define SX__EACH_12(m, x, a, ...) m(x, a) SX__EACH_11(m, x, __VA_ARGS__)

/* SX__ALL(m, a, b) is 1 where m(a) and m(b) are, else 0. */
#define SX__ALL(m, ...) SX__CAT(SX__ALL_, SX__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define SX__ALL_1(m, a) m(a)
#define SX__ALL_2(m, a, ...) SX__AND(m(a), SX__ALL_1(m, __VA_ARGS__))
#define SX__ALL_3(m, a, ...) SX__AND(m(a), SX__ALL_2(m, __VA_ARGS__))
#define SX__ALL_4(m, a, ...) SX__AND(m(a), SX__ALL_3(m, __VA_ARGS__))
#define SX__ALL_5(m, a, ...) SX__AND(m(a), SX__ALL_4(m, __VA_ARGS__))
#define SX__ALL_6(m, a, ...) SX__AND(m(a), SX__ALL_5(m, __VA_ARGS__))
#define SX__ALL_7(m, a, ...) SX__AND(m(a), SX__ALL_6(m, __VA_ARGS__))
#define SX__ALL_8(m, a, ...) SX__AND(m(a), SX__ALL_7(m, __VA_ARGS__))
#define SX__ALL_9(m, a, ...) SX__AND(m(a), SX__ALL_8(m, __VA_ARGS__))
#define SX__ALL_10(m, a, ...) SX__AND(m(a), SX__ALL_9(m, __VA_ARGS__))
#define SX__ALL_11(m, a, ...) SX__AND(m(a), SX__ALL_10(m, __VA_ARGS__))
#define SX__ALL_12(m, a, ...) SX__AND(m(a), SX__ALL_11(m, __VA_ARGS__))
#define SX__AND(a, b) SX__AND_(a, b)
#define SX__AND_(a, b) SX__AND_##a##b
#define SX__AND_00 0
#define SX__AND_01 0
#define SX__AND_10 0
#define SX__AND_11 1

#define SX__METHOD(method_, path_, ...) SX_ROUTE(method_, path_, __VA_ARGS__)
#define SX__INCLUDE_0(path_, routes_)                                                    \
    {                                                                                    \
        .path = (path_), .file = __FILE__, .line = __LINE__, .include = SX_LIST(routes_) \
    }
#define SX__INCLUDE_N(path_, routes_, ...)                                                \
    {                                                                                     \
        .path = (path_), .file = __FILE__, .line = __LINE__, .include = SX_LIST(routes_), \
        __VA_ARGS__                                                                       \
    }

/* The verdict on a tuple: GOOD, or the kind of mistake, which becomes a static assertion in place
 * of the code for the tuple. For each known word there is a macro whose expansion contains a comma,
 * which SX__SECOND detects. */
#define SX__VERDICT(tuple) SX__VERDICT_ tuple
#define SX__VERDICT_(source, type, ...) \
    SX__CAT(SX__VERDICT_OF_, SX__SECOND(SX__SOURCE_##source, UNKNOWN, ~))(type)
#define SX__VERDICT_OF_UNKNOWN(type) SOURCE
#define SX__VERDICT_OF_VALUE(type) SX__SECOND(SX__VALUE_##type, TYPE, ~)
#define SX__VERDICT_OF_BODY(type) SX__SECOND(SX__IN_BODY_##type, BODY, ~)
#define SX__VERDICT_OF_ANY(type) GOOD
#define SX__SETTING_VERDICT(tuple) SX__SETTING_VERDICT_ tuple
#define SX__SETTING_VERDICT_(type, ...) SX__SECOND(SX__SETTING_##type, SETTING, ~)
#define SX__SOURCE_path ~, VALUE
#define SX__SOURCE_query ~, VALUE
#define SX__SOURCE_header ~, VALUE
#define SX__SOURCE_form ~, VALUE
#define SX__SOURCE_setting ~, VALUE
#define SX__SOURCE_body ~, BODY
#define SX__SOURCE_inject ~, ANY
#define SX__SOURCE_options ~, ANY
#define SX__VALUE_i64 ~, GOOD
#define SX__VALUE_u64 ~, GOOD
#define SX__VALUE_f64 ~, GOOD
#define SX__VALUE_flag ~, GOOD
#define SX__VALUE_str ~, GOOD
#define SX__VALUE_list_str ~, GOOD
#define SX__VALUE_opt_i64 ~, GOOD
#define SX__VALUE_opt_u64 ~, GOOD
#define SX__VALUE_opt_f64 ~, GOOD
#define SX__VALUE_opt_flag ~, GOOD
#define SX__VALUE_opt_str ~, GOOD
#define SX__IN_BODY_json ~, GOOD
#define SX__IN_BODY_opt_json ~, GOOD
#define SX__IN_BODY_bytes ~, GOOD
#define SX__SETTING_i64 ~, GOOD
#define SX__SETTING_u64 ~, GOOD
#define SX__SETTING_f64 ~, GOOD
#define SX__SETTING_flag ~, GOOD
#define SX__SETTING_str ~, GOOD

#define SX__IS_GOOD(tuple) SX__CAT(SX__BIT_, SX__VERDICT(tuple))
#define SX__IS_GOOD_SETTING(tuple) SX__CAT(SX__BIT_, SX__SETTING_VERDICT(tuple))
#define SX__BIT_GOOD 1
#define SX__BIT_SOURCE 0
#define SX__BIT_TYPE 0
#define SX__BIT_BODY 0
#define SX__BIT_SETTING 0

#define SX__SAY(where, tuple) SX__CAT(SX__SAY_, SX__VERDICT(tuple))(where, tuple)
#define SX__SAY_ABOUT_SETTING(where, tuple) \
    SX__CAT(SX__SAY_, SX__SETTING_VERDICT(tuple))(where, tuple)
#define SX__SAY_GOOD(where, tuple)
#define SX__SAY_SOURCE(where, tuple) SX__SAY_IT(where, "unknown source: ", SX__FIRST_WORD tuple)
#define SX__SAY_TYPE(where, tuple) \
    SX__SAY_IT(where, "unknown type of " SX__FIRST_WORD tuple ": ", SX__SECOND_WORD tuple)
#define SX__SAY_BODY(where, tuple)                                                  \
    SX__SAY_IT(where, "unknown type of a body, expected json, opt_json or bytes: ", \
               SX__SECOND_WORD tuple)
#define SX__SAY_SETTING(where, tuple) \
    SX__SAY_IT(where, "unknown type of a setting: ", SX__FIRST_WORD tuple)
#define SX__SAY_IT(where, what, word) _Static_assert(0, where ": " what word);
#define SX__FIRST_WORD(first, ...) #first
#define SX__SECOND_WORD(first, second, ...) #second

/* If a component is not declared, this makes the compiler's first error name it. */
#define SX__CHECK_NAMES(name_, ...) \
    enum { sx_names_of_##name_ = sizeof((char[]){SX__MAP(SX__AS_KNOWN, __VA_ARGS__)}) };
#define SX__AS_KNOWN(i, tuple) SX__AS_KNOWN_ tuple
#define SX__AS_KNOWN_(source, type, ...) SX__KNOWN_##source(type)
#define SX__KNOWN_path(type) 1
#define SX__KNOWN_query(type) 1
#define SX__KNOWN_header(type) 1
#define SX__KNOWN_form(type) 1
#define SX__KNOWN_body(type) 1
#define SX__KNOWN_setting(type) 1
#define SX__KNOWN_inject(component) (char)sizeof(&sx_component_##component)
#define SX__KNOWN_options(type) 1

/* A tuple of SX_BIND in its three forms: the C type, the argument, the descriptor. */
#define SX__AS_TYPE(i, tuple) SX__AS_TYPE_ tuple
#define SX__AS_TYPE_(source, type, ...) SX__TYPE_FROM_##source(type)
#define SX__TYPE_FROM_path(type) SX__C_##type
#define SX__TYPE_FROM_query(type) SX__C_##type
#define SX__TYPE_FROM_header(type) SX__C_##type
#define SX__TYPE_FROM_form(type) SX__C_##type
#define SX__TYPE_FROM_body(type) SX__C_body_##type
#define SX__TYPE_FROM_setting(type) SX__C_##type
#define SX__TYPE_FROM_inject(component) sx_type_##component *
#define SX__TYPE_FROM_options(type) const type *

#define SX__AS_ARG(i, tuple) SX__AS_ARG_(i, SX__AS_VALUE_ tuple)
#define SX__AS_ARG_(i, member) SX__AS_ARG__(i, member)
#define SX__AS_ARG__(i, member) sx_args[i].member /* void * becomes any pointer by itself */
#define SX__AS_VALUE_(source, type, ...) SX__VALUE_FROM_##source(type)
#define SX__VALUE_FROM_path(type) SX__M_##type
#define SX__VALUE_FROM_query(type) SX__M_##type
#define SX__VALUE_FROM_header(type) SX__M_##type
#define SX__VALUE_FROM_form(type) SX__M_##type
#define SX__VALUE_FROM_body(type) SX__M_##type
#define SX__VALUE_FROM_setting(type) SX__M_##type
#define SX__VALUE_FROM_inject(component) pointer
#define SX__VALUE_FROM_options(type) pointer

#define SX__AS_PARAM(i, tuple) SX__AS_PARAM_ tuple
#define SX__AS_PARAM_(source, type, ...) SX__PARAM_FROM_##source(type, __VA_ARGS__, .reserved = {0})
#define SX__PARAM_FROM_path(type_, name_, ...)                \
    {                                                         \
        SX__SCALAR(SX_SOURCE_PATH, type_, name_), __VA_ARGS__ \
    }
#define SX__PARAM_FROM_query(type_, name_, ...)                \
    {                                                          \
        SX__SCALAR(SX_SOURCE_QUERY, type_, name_), __VA_ARGS__ \
    }
#define SX__PARAM_FROM_header(type_, name_, ...)                \
    {                                                           \
        SX__SCALAR(SX_SOURCE_HEADER, type_, name_), __VA_ARGS__ \
    }
#define SX__PARAM_FROM_form(type_, name_, ...)                \
    {                                                         \
        SX__SCALAR(SX_SOURCE_FORM, type_, name_), __VA_ARGS__ \
    }
#define SX__PARAM_FROM_body(type_, name_, ...)                \
    {                                                         \
        SX__SCALAR(SX_SOURCE_BODY, type_, name_), __VA_ARGS__ \
    }
#define SX__PARAM_FROM_inject(component_, name_, ...)                                        \
    {                                                                                        \
        .source = SX_SOURCE_INJECT, .name = #name_, .component = &sx_component_##component_, \
        __VA_ARGS__                                                                          \
    }
#define SX__PARAM_FROM_options(type_, name_, ...)                \
    {                                                            \
        .source = SX_SOURCE_OPTIONS, .name = #name_, __VA_ARGS__ \
    }
#define SX__PARAM_FROM_setting(type_, name_, ...)                \
    {                                                            \
        SX__SCALAR(SX_SOURCE_SETTING, type_, name_), __VA_ARGS__ \
    }
/* A tuple of SX_SETTINGS: the assignment to its member, whose type is checked, and the descriptor.
 */
#define SX__AS_SETTING(i, tuple) SX__AS_SETTING_(i, SX__SETTING_TYPE tuple, SX__SETTING_NAME tuple)
#define SX__AS_SETTING_(i, type, name) SX__AS_SETTING__(i, type, name)
#define SX__AS_SETTING__(i, type_, name_)                                                     \
    (void)SX__ASSERT(__builtin_types_compatible_p(__typeof__(sx_self->name_), SX__C_##type_), \
                     "setting (" #type_ ", " #name_ "): the member has another type"),        \
        sx_self->name_ = sx_args[i].SX__M_##type_
/* An assertion within an expression, whose value is 0. */
#define SX__ASSERT(holds_, sentence_)       \
    (0 * sizeof(struct {                    \
         _Static_assert(holds_, sentence_); \
         int sx_x;                          \
     }))
#define SX__SETTING_TYPE(type, ...) type
#define SX__SETTING_NAME(type, ...) SX__SETTING_FIRST(__VA_ARGS__, 0)
#define SX__SETTING_FIRST(name, ...) name
#define SX__AS_SETTING_PARAM(i, tuple) SX__AS_SETTING_PARAM_ tuple
#define SX__AS_SETTING_PARAM_(type, ...) SX__PARAM_FROM_setting(type, __VA_ARGS__, .reserved = {0})
#define SX__SETTINGS_0(name_)                                         \
    _Static_assert(0, "SX_SETTINGS(" #name_ "): it has no settings"); \
    const struct sx_component sx_component_##name_ = {.name = #name_}
#define SX__SETTINGS_M(name_, ...)                                                              \
    _Static_assert(0, "SX_SETTINGS(" #name_ "): at most 12 settings; more are two components"); \
    const struct sx_component sx_component_##name_ = {.name = #name_}
#define SX__SETTINGS_N(name_, ...)                                     \
    SX__CAT(SX__SETTINGS_N, SX__ALL(SX__IS_GOOD_SETTING, __VA_ARGS__)) \
    (name_, __VA_ARGS__)
#define SX__SETTINGS_N0(name_, ...)                                         \
    SX__EACH(SX__SAY_ABOUT_SETTING, "SX_SETTINGS(" #name_ ")", __VA_ARGS__) \
    const struct sx_component sx_component_##name_ = {.name = #name_}
#define SX__SETTINGS_N1(name_, ...)                                                               \
    static struct sx_result sx_init_##name_(void *self, const union sx_value *sx_args)            \
    {                                                                                             \
        sx_type_##name_ *sx_self = self;                                                          \
        (void)(SX__MAP(SX__AS_SETTING, __VA_ARGS__));                                             \
        return sx_continue();                                                                     \
    }                                                                                             \
    static const struct sx_param sx_init_params_##name_[] = {                                     \
        SX__MAP(SX__AS_SETTING_PARAM, __VA_ARGS__)};                                              \
    SX__FINI_VALUE(name_, NULL)                                                                   \
    const struct sx_component sx_component_##name_ = {                                            \
        SX__COMPONENT_HEAD(name_, app, sx_type_##name_, false), .params = sx_init_params_##name_, \
        .param_count = sizeof(sx_init_params_##name_) / sizeof(struct sx_param)}
#define SX__SCALAR(source_, type_, name_) \
    .source = source_, .name = #name_, .type = SX__T_##type_, .optional = SX__O_##type_

/* The scalar types: C type, member of union sx_value, enum, optional. */
#define SX__C_i64 int64_t
#define SX__C_u64 uint64_t
#define SX__C_f64 double
#define SX__C_flag bool
#define SX__C_str const char *
#define SX__C_list_str struct sx_texts
#define SX__C_body_json struct json_t *
#define SX__C_body_opt_json struct json_t *
#define SX__C_body_bytes struct sx_str
#define SX__C_opt_i64 const int64_t *
#define SX__C_opt_u64 const uint64_t *
#define SX__C_opt_f64 const double *
#define SX__C_opt_flag const bool *
#define SX__C_opt_str const char *
#define SX__M_i64 i64
#define SX__M_u64 u64
#define SX__M_f64 f64
#define SX__M_flag flag
#define SX__M_str pointer
#define SX__M_list_str texts
#define SX__M_json pointer
#define SX__M_opt_json pointer
#define SX__M_bytes bytes
#define SX__M_opt_i64 pointer
#define SX__M_opt_u64 pointer
#define SX__M_opt_f64 pointer
#define SX__M_opt_flag pointer
#define SX__M_opt_str pointer
#define SX__T_i64 SX_TYPE_I64
#define SX__T_u64 SX_TYPE_U64
#define SX__T_f64 SX_TYPE_F64
#define SX__T_flag SX_TYPE_FLAG
#define SX__T_str SX_TYPE_STR
#define SX__T_list_str SX_TYPE_LIST_STR
#define SX__T_json SX_TYPE_JSON
#define SX__T_opt_json SX_TYPE_JSON
#define SX__T_bytes SX_TYPE_BYTES
#define SX__T_opt_i64 SX_TYPE_I64
#define SX__T_opt_u64 SX_TYPE_U64
#define SX__T_opt_f64 SX_TYPE_F64
#define SX__T_opt_flag SX_TYPE_FLAG
#define SX__T_opt_str SX_TYPE_STR
#define SX__O_i64 false
#define SX__O_u64 false
#define SX__O_f64 false
#define SX__O_flag false
#define SX__O_str false
#define SX__O_list_str false
#define SX__O_json false
#define SX__O_opt_json true
#define SX__O_bytes false
#define SX__O_opt_i64 true
#define SX__O_opt_u64 true
#define SX__O_opt_f64 true
#define SX__O_opt_flag true
#define SX__O_opt_str true

#define SX__UNUSED __attribute__((unused))

/* The condition is a named constant, because clang prints the condition before the sentence. */
#define SX__ASSERT_TYPE(name_, function_, type_, sentence_)                                      \
    enum { sx_list_fits_##name_ = __builtin_types_compatible_p(__typeof__(&function_), type_) }; \
    _Static_assert(sx_list_fits_##name_, sentence_);

#define SX__BIND(linkage, ...) SX__CAT(SX__BIND_, SX__HAS_PARAMS(__VA_ARGS__))(linkage, __VA_ARGS__)
#define SX__BIND_M(linkage, function_, ...) \
    _Static_assert(0, "SX_BIND(" #function_ "): a function has at most 12 arguments")
#define SX__BIND_0(linkage, function_)                                                            \
    SX__ASSERT_TYPE(function_, function_, struct sx_result (*)(void),                             \
                    "SX_BIND(" #function_ "): the function has arguments, but the list has none") \
    static struct sx_result sx_call_##function_(const union sx_value *sx_args)                    \
    {                                                                                             \
        (void)sx_args;                                                                            \
        return function_();                                                                       \
    }                                                                                             \
    SX__UNUSED linkage const struct sx_handler sx_handler_##function_ = {                         \
        .name = #function_, .file = __FILE__, .line = __LINE__, .call = sx_call_##function_}
#define SX__BIND_N(linkage, function_, ...)                \
    SX__CAT(SX__BIND_N, SX__ALL(SX__IS_GOOD, __VA_ARGS__)) \
    (linkage, function_, __VA_ARGS__)
#define SX__BIND_N0(linkage, function_, ...)                  \
    SX__EACH(SX__SAY, "SX_BIND(" #function_ ")", __VA_ARGS__) \
    SX__UNUSED linkage const struct sx_handler sx_handler_##function_ = {.name = #function_}
/* If the list and the function differ, the pointer makes the compiler print both types. */
#define SX__BIND_N1(linkage, function_, ...)                                                       \
    SX__CHECK_NAMES(function_, __VA_ARGS__)                                                        \
    SX__ASSERT_TYPE(function_, function_, struct sx_result (*)(SX__MAP(SX__AS_TYPE, __VA_ARGS__)), \
                    "SX_BIND(" #function_                                                          \
                    "): the list differs from the function; both are shown next")                  \
    static struct sx_result sx_call_##function_(const union sx_value *sx_args)                     \
    {                                                                                              \
        struct sx_result (*const sx_list)(SX__MAP(SX__AS_TYPE, __VA_ARGS__)) = function_;          \
        return sx_list(SX__MAP(SX__AS_ARG, __VA_ARGS__));                                          \
    }                                                                                              \
    static const struct sx_param sx_params_##function_[] = {SX__MAP(SX__AS_PARAM, __VA_ARGS__)};   \
    SX__UNUSED linkage const struct sx_handler sx_handler_##function_ = {                          \
        .name = #function_,                                                                        \
        .file = __FILE__,                                                                          \
        .line = __LINE__,                                                                          \
        .call = sx_call_##function_,                                                               \
        .params = sx_params_##function_,                                                           \
        .param_count = sizeof(sx_params_##function_) / sizeof(struct sx_param)}

/* Of a component the framework holds the value (self_ is a pointer to it), of a provider a pointer.
 */
#define SX__COMPONENT_0(name_, lifetime_, init_, fini_) \
    SX__DEFINE_0(name_, lifetime_, init_, sx_type_##name_, SX__FINI_VALUE, fini_, false)
#define SX__COMPONENT_N(name_, lifetime_, init_, fini_, ...)                             \
    SX__DEFINE_N(name_, lifetime_, init_, sx_type_##name_, SX__FINI_VALUE, fini_, false, \
                 __VA_ARGS__)
#define SX__COMPONENT_M(name_, ...) \
    _Static_assert(0, "component " #name_ ": an init has at most 12 arguments")
#define SX__PROVIDER_M SX__COMPONENT_M
#define SX__PROVIDER_0(name_, lifetime_, init_, fini_) \
    SX__DEFINE_0(name_, lifetime_, init_, sx_type_##name_ *, SX__FINI_POINTER, fini_, true)
#define SX__PROVIDER_N(name_, lifetime_, init_, fini_, ...)                                 \
    SX__DEFINE_N(name_, lifetime_, init_, sx_type_##name_ *, SX__FINI_POINTER, fini_, true, \
                 __VA_ARGS__)

#define SX__DEFINE_0(name_, lifetime_, init_, held_, fini_form_, fini_, provided_)     \
    SX__ASSERT_TYPE(init_of_##name_, init_, struct sx_result (*)(held_ *),             \
                    "component " #name_ ": " #init_                                    \
                    " has arguments besides its own value, but the list has none")     \
    static struct sx_result sx_init_##name_(void *self, const union sx_value *sx_args) \
    {                                                                                  \
        (void)sx_args;                                                                 \
        return init_((held_ *)self);                                                   \
    }                                                                                  \
    fini_form_(name_, fini_) const struct sx_component sx_component_##name_ = {        \
        SX__COMPONENT_HEAD(name_, lifetime_, held_, provided_)}
#define SX__DEFINE_N(name_, lifetime_, init_, held_, fini_form_, fini_, provided_, ...) \
    SX__CAT(SX__DEFINE_N, SX__ALL(SX__IS_GOOD, __VA_ARGS__))                            \
    (name_, lifetime_, init_, held_, fini_form_, fini_, provided_, __VA_ARGS__)
#define SX__DEFINE_N0(name_, lifetime_, init_, held_, fini_form_, fini_, provided_, ...) \
    SX__EACH(SX__SAY, "component " #name_, __VA_ARGS__)                                  \
    const struct sx_component sx_component_##name_ = {.name = #name_}
#define SX__DEFINE_N1(name_, lifetime_, init_, held_, fini_form_, fini_, provided_, ...)           \
    SX__CHECK_NAMES(name_, __VA_ARGS__)                                                            \
    SX__ASSERT_TYPE(init_of_##name_, init_,                                                        \
                    struct sx_result (*)(held_ *, SX__MAP(SX__AS_TYPE, __VA_ARGS__)),              \
                    "component " #name_ ": the list differs from " #init_ "; both are shown next") \
    static struct sx_result sx_init_##name_(void *self, const union sx_value *sx_args)             \
    {                                                                                              \
        struct sx_result (*const sx_list)(held_ *, SX__MAP(SX__AS_TYPE, __VA_ARGS__)) = init_;     \
        return sx_list((held_ *)self, SX__MAP(SX__AS_ARG, __VA_ARGS__));                           \
    }                                                                                              \
    static const struct sx_param sx_init_params_##name_[] = {SX__MAP(SX__AS_PARAM, __VA_ARGS__)};  \
    fini_form_(name_, fini_) const struct sx_component sx_component_##name_ = {                    \
        SX__COMPONENT_HEAD(name_, lifetime_, held_, provided_), .params = sx_init_params_##name_,  \
        .param_count = sizeof(sx_init_params_##name_) / sizeof(struct sx_param)}
#define SX__FINI_VALUE(name_, fini_) SX__FINI(name_, fini_, (sx_type_##name_ *)self)
#define SX__FINI_POINTER(name_, fini_) SX__FINI(name_, fini_, *(sx_type_##name_ **)self)
#define SX__FINI(name_, fini_, value_)              \
    static void sx_fini_##name_(void *self)         \
    {                                               \
        void (*sx_fini)(sx_type_##name_ *) = fini_; \
        if (sx_fini != NULL) {                      \
            sx_fini(value_);                        \
        }                                           \
    }
#define SX__COMPONENT_HEAD(name_, lifetime_, held_, provided_)                                \
    .name = #name_, .file = __FILE__, .line = __LINE__, .lifetime = SX__LIFETIME_##lifetime_, \
    .size = sizeof(held_), .align = _Alignof(held_), .provided = provided_,                   \
    .init = sx_init_##name_, .fini = sx_fini_##name_
#define SX__LIFETIME_app SX_LIFETIME_APP
#define SX__LIFETIME_worker SX_LIFETIME_WORKER
#define SX__LIFETIME_request SX_LIFETIME_REQUEST

#define SX__COMPONENTS_0(x) \
    {                       \
        NULL, 0             \
    }
#define SX__COMPONENTS_N(x, ...)                                                       \
    {                                                                                  \
        (const struct sx_component_use[]){SX__MAP(SX__USE, __VA_ARGS__)},              \
            sizeof((const struct sx_component_use[]){SX__MAP(SX__USE, __VA_ARGS__)}) / \
                sizeof(struct sx_component_use)                                        \
    }
#define SX__COMPONENTS_M(x, ...)                                           \
    {                                                                      \
        SX_COMPONENTS_takes_at_most_12_and_more_are_SX_LIST_of_an_array, 0 \
    }

/* name or (name, options) */
#define SX__USE(i, use) SX__CAT(SX__USE_, SX__IS_TUPLE(use))(use)
#define SX__USE_0(name_)                   \
    {                                      \
        .component = &sx_component_##name_ \
    }
#define SX__USE_1(tuple) SX__USE_1_ tuple
#define SX__USE_1_(name_, options_)                               \
    {                                                             \
        .component = &sx_component_##name_, .options = (options_) \
    }
#define SX__IS_TUPLE(x) SX__SECOND(SX__TUPLE_PROBE x, 0, 0)
#define SX__TUPLE_PROBE(...) 0, 1
#define SX__SECOND(...) SX__SECOND_(__VA_ARGS__)
#define SX__SECOND_(a, b, ...) b

#endif
