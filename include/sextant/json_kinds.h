/* json_kinds.h: the private macros behind sx_json, which pass the types of its arguments. Include
 * <sextant/app.h> instead.
 *
 * jansson does not check arguments against the format, and crashes if one is missing or has another
 * type. So sx_json also passes a letter for the type of each argument after the format, and a call
 * that does not match becomes a 500.
 */
#ifndef SEXTANT_JSON_KINDS_H
#define SEXTANT_JSON_KINDS_H

/* The type that the argument has when it is passed through an ellipsis: small integers become int,
 * arrays pointers. Nothing is evaluated. */
#define SX__JSON_KIND(x) \
    _Generic(0 ? (x) : 0,               \
        int: 'i',                       \
        unsigned: 'i',                  \
        long: 'I',                      \
        unsigned long: 'I',             \
        long long: 'I',                 \
        unsigned long long: 'I',        \
        float: 'f',                     \
        double: 'f',                    \
        char *: 's',                    \
        const char *: 's',              \
        signed char *: 's',             \
        const signed char *: 's',       \
        unsigned char *: 's',           \
        const unsigned char *: 's',     \
        struct json_t *: 'o',           \
        const struct json_t *: 'o',     \
        void *: 'p',                    \
        const void *: 'p',              \
        default: '?')

/* The kinds of all arguments after the format, as a string; the format is the first argument. */
#define SX__JSON_KINDS(...) ((const char[]){SX__JSON_PICK(__VA_ARGS__)(__VA_ARGS__) '\0'})
#define SX__JSON_PICK(...)                                                                         \
    SX__JSON_PICK_(                                                                                \
        __VA_ARGS__, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M,       \
        SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M,        \
        SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M,        \
        SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M,        \
        SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_M, SX__JSON_64, SX__JSON_63,      \
        SX__JSON_62, SX__JSON_61, SX__JSON_60, SX__JSON_59, SX__JSON_58, SX__JSON_57, SX__JSON_56, \
        SX__JSON_55, SX__JSON_54, SX__JSON_53, SX__JSON_52, SX__JSON_51, SX__JSON_50, SX__JSON_49, \
        SX__JSON_48, SX__JSON_47, SX__JSON_46, SX__JSON_45, SX__JSON_44, SX__JSON_43, SX__JSON_42, \
        SX__JSON_41, SX__JSON_40, SX__JSON_39, SX__JSON_38, SX__JSON_37, SX__JSON_36, SX__JSON_35, \
        SX__JSON_34, SX__JSON_33, SX__JSON_32, SX__JSON_31, SX__JSON_30, SX__JSON_29, SX__JSON_28, \
        SX__JSON_27, SX__JSON_26, SX__JSON_25, SX__JSON_24, SX__JSON_23, SX__JSON_22, SX__JSON_21, \
        SX__JSON_20, SX__JSON_19, SX__JSON_18, SX__JSON_17, SX__JSON_16, SX__JSON_15, SX__JSON_14, \
        SX__JSON_13, SX__JSON_12, SX__JSON_11, SX__JSON_10, SX__JSON_9, SX__JSON_8, SX__JSON_7,    \
        SX__JSON_6, SX__JSON_5, SX__JSON_4, SX__JSON_3, SX__JSON_2, SX__JSON_1, SX__JSON_0, 0)
#define SX__JSON_PICK_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
                       a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, \
                       a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, \
                       a47, a48, a49, a50, a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, \
                       a62, a63, a64, a65, a66, a67, a68, a69, a70, a71, a72, a73, a74, a75, a76, \
                       a77, a78, a79, a80, a81, a82, a83, a84, a85, a86, a87, a88, a89, a90, a91, \
                       a92, a93, a94, a95, a96, pick, ...)                                        \
    pick
#define SX__JSON_M(...) sx_json_takes_at_most_64_arguments_behind_its_format,
#define SX__JSON_0(format)
#define SX__JSON_1(format, x) SX__JSON_KIND(x),
#define SX__JSON_2(format, x, ...) SX__JSON_KIND(x), SX__JSON_1(format, __VA_ARGS__)
#define SX__JSON_3(format, x, ...) SX__JSON_KIND(x), SX__JSON_2(format, __VA_ARGS__)
#define SX__JSON_4(format, x, ...) SX__JSON_KIND(x), SX__JSON_3(format, __VA_ARGS__)
#define SX__JSON_5(format, x, ...) SX__JSON_KIND(x), SX__JSON_4(format, __VA_ARGS__)
#define SX__JSON_6(format, x, ...) SX__JSON_KIND(x), SX__JSON_5(format, __VA_ARGS__)
#define SX__JSON_7(format, x, ...) SX__JSON_KIND(x), SX__JSON_6(format, __VA_ARGS__)
#define SX__JSON_8(format, x, ...) SX__JSON_KIND(x), SX__JSON_7(format, __VA_ARGS__)
#define SX__JSON_9(format, x, ...) SX__JSON_KIND(x), SX__JSON_8(format, __VA_ARGS__)
#define SX__JSON_10(format, x, ...) SX__JSON_KIND(x), SX__JSON_9(format, __VA_ARGS__)
#define SX__JSON_11(format, x, ...) SX__JSON_KIND(x), SX__JSON_10(format, __VA_ARGS__)
#define SX__JSON_12(format, x, ...) SX__JSON_KIND(x), SX__JSON_11(format, __VA_ARGS__)
#define SX__JSON_13(format, x, ...) SX__JSON_KIND(x), SX__JSON_12(format, __VA_ARGS__)
#define SX__JSON_14(format, x, ...) SX__JSON_KIND(x), SX__JSON_13(format, __VA_ARGS__)
#define SX__JSON_15(format, x, ...) SX__JSON_KIND(x), SX__JSON_14(format, __VA_ARGS__)
#define SX__JSON_16(format, x, ...) SX__JSON_KIND(x), SX__JSON_15(format, __VA_ARGS__)
#define SX__JSON_17(format, x, ...) SX__JSON_KIND(x), SX__JSON_16(format, __VA_ARGS__)
#define SX__JSON_18(format, x, ...) SX__JSON_KIND(x), SX__JSON_17(format, __VA_ARGS__)
#define SX__JSON_19(format, x, ...) SX__JSON_KIND(x), SX__JSON_18(format, __VA_ARGS__)
#define SX__JSON_20(format, x, ...) SX__JSON_KIND(x), SX__JSON_19(format, __VA_ARGS__)
#define SX__JSON_21(format, x, ...) SX__JSON_KIND(x), SX__JSON_20(format, __VA_ARGS__)
#define SX__JSON_22(format, x, ...) SX__JSON_KIND(x), SX__JSON_21(format, __VA_ARGS__)
#define SX__JSON_23(format, x, ...) SX__JSON_KIND(x), SX__JSON_22(format, __VA_ARGS__)
#define SX__JSON_24(format, x, ...) SX__JSON_KIND(x), SX__JSON_23(format, __VA_ARGS__)
#define SX__JSON_25(format, x, ...) SX__JSON_KIND(x), SX__JSON_24(format, __VA_ARGS__)
#define SX__JSON_26(format, x, ...) SX__JSON_KIND(x), SX__JSON_25(format, __VA_ARGS__)
#define SX__JSON_27(format, x, ...) SX__JSON_KIND(x), SX__JSON_26(format, __VA_ARGS__)
#define SX__JSON_28(format, x, ...) SX__JSON_KIND(x), SX__JSON_27(format, __VA_ARGS__)
#define SX__JSON_29(format, x, ...) SX__JSON_KIND(x), SX__JSON_28(format, __VA_ARGS__)
#define SX__JSON_30(format, x, ...) SX__JSON_KIND(x), SX__JSON_29(format, __VA_ARGS__)
#define SX__JSON_31(format, x, ...) SX__JSON_KIND(x), SX__JSON_30(format, __VA_ARGS__)
#define SX__JSON_32(format, x, ...) SX__JSON_KIND(x), SX__JSON_31(format, __VA_ARGS__)
#define SX__JSON_33(format, x, ...) SX__JSON_KIND(x), SX__JSON_32(format, __VA_ARGS__)
#define SX__JSON_34(format, x, ...) SX__JSON_KIND(x), SX__JSON_33(format, __VA_ARGS__)
#define SX__JSON_35(format, x, ...) SX__JSON_KIND(x), SX__JSON_34(format, __VA_ARGS__)
#define SX__JSON_36(format, x, ...) SX__JSON_KIND(x), SX__JSON_35(format, __VA_ARGS__)
#define SX__JSON_37(format, x, ...) SX__JSON_KIND(x), SX__JSON_36(format, __VA_ARGS__)
#define SX__JSON_38(format, x, ...) SX__JSON_KIND(x), SX__JSON_37(format, __VA_ARGS__)
#define SX__JSON_39(format, x, ...) SX__JSON_KIND(x), SX__JSON_38(format, __VA_ARGS__)
#define SX__JSON_40(format, x, ...) SX__JSON_KIND(x), SX__JSON_39(format, __VA_ARGS__)
#define SX__JSON_41(format, x, ...) SX__JSON_KIND(x), SX__JSON_40(format, __VA_ARGS__)
#define SX__JSON_42(format, x, ...) SX__JSON_KIND(x), SX__JSON_41(format, __VA_ARGS__)
#define SX__JSON_43(format, x, ...) SX__JSON_KIND(x), SX__JSON_42(format, __VA_ARGS__)
#define SX__JSON_44(format, x, ...) SX__JSON_KIND(x), SX__JSON_43(format, __VA_ARGS__)
#define SX__JSON_45(format, x, ...) SX__JSON_KIND(x), SX__JSON_44(format, __VA_ARGS__)
#define SX__JSON_46(format, x, ...) SX__JSON_KIND(x), SX__JSON_45(format, __VA_ARGS__)
#define SX__JSON_47(format, x, ...) SX__JSON_KIND(x), SX__JSON_46(format, __VA_ARGS__)
#define SX__JSON_48(format, x, ...) SX__JSON_KIND(x), SX__JSON_47(format, __VA_ARGS__)
#define SX__JSON_49(format, x, ...) SX__JSON_KIND(x), SX__JSON_48(format, __VA_ARGS__)
#define SX__JSON_50(format, x, ...) SX__JSON_KIND(x), SX__JSON_49(format, __VA_ARGS__)
#define SX__JSON_51(format, x, ...) SX__JSON_KIND(x), SX__JSON_50(format, __VA_ARGS__)
#define SX__JSON_52(format, x, ...) SX__JSON_KIND(x), SX__JSON_51(format, __VA_ARGS__)
#define SX__JSON_53(format, x, ...) SX__JSON_KIND(x), SX__JSON_52(format, __VA_ARGS__)
#define SX__JSON_54(format, x, ...) SX__JSON_KIND(x), SX__JSON_53(format, __VA_ARGS__)
#define SX__JSON_55(format, x, ...) SX__JSON_KIND(x), SX__JSON_54(format, __VA_ARGS__)
#define SX__JSON_56(format, x, ...) SX__JSON_KIND(x), SX__JSON_55(format, __VA_ARGS__)
#define SX__JSON_57(format, x, ...) SX__JSON_KIND(x), SX__JSON_56(format, __VA_ARGS__)
#define SX__JSON_58(format, x, ...) SX__JSON_KIND(x), SX__JSON_57(format, __VA_ARGS__)
#define SX__JSON_59(format, x, ...) SX__JSON_KIND(x), SX__JSON_58(format, __VA_ARGS__)
#define SX__JSON_60(format, x, ...) SX__JSON_KIND(x), SX__JSON_59(format, __VA_ARGS__)
#define SX__JSON_61(format, x, ...) SX__JSON_KIND(x), SX__JSON_60(format, __VA_ARGS__)
#define SX__JSON_62(format, x, ...) SX__JSON_KIND(x), SX__JSON_61(format, __VA_ARGS__)
#define SX__JSON_63(format, x, ...) SX__JSON_KIND(x), SX__JSON_62(format, __VA_ARGS__)
#define SX__JSON_64(format, x, ...) SX__JSON_KIND(x), SX__JSON_63(format, __VA_ARGS__)

#endif
