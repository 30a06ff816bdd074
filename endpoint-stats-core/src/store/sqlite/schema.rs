//! The tables, as `migrations/sqlite` makes them.

diesel::table! {
    endpoint (id) {
        id -> BigInt,
        service -> Text,
        method -> Text,
        route -> Text,
        hits -> BigInt,
        registered_at -> Nullable<BigInt>,
        first_seen -> Nullable<BigInt>,
        last_called -> Nullable<BigInt>,
    }
}

diesel::table! {
    endpoint_window (width_secs, start, endpoint_id) {
        width_secs -> BigInt,
        start -> BigInt,
        endpoint_id -> BigInt,
        first_at -> BigInt,
        last_at -> BigInt,
        hits -> BigInt,
        errors -> BigInt,
        request_bytes -> BigInt,
        response_bytes -> BigInt,
        outcomes -> Binary,
        latency -> Binary,
        duration -> Binary,
        callers -> Binary,
    }
}

diesel::table! {
    consumer_window (width_secs, start, endpoint_id, consumer) {
        width_secs -> BigInt,
        start -> BigInt,
        endpoint_id -> BigInt,
        consumer -> Text,
        hits -> BigInt,
        errors -> BigInt,
        response_bytes -> BigInt,
    }
}

diesel::table! {
    sum (span_secs, start, endpoint_id) {
        span_secs -> BigInt,
        start -> BigInt,
        endpoint_id -> BigInt,
        first_start -> BigInt,
        last_end -> BigInt,
        first_at -> BigInt,
        last_at -> BigInt,
        counts -> Binary,
    }
}

diesel::table! {
    summed (span_secs, start) {
        span_secs -> BigInt,
        start -> BigInt,
    }
}

diesel::table! {
    writer (id) {
        id -> Binary,
        last_seq -> BigInt,
        digest -> Binary,
        checkpoint -> Nullable<Binary>,
        last_seen -> BigInt,
        forget_at -> Nullable<BigInt>,
    }
}

diesel::joinable!(endpoint_window -> endpoint (endpoint_id));
diesel::allow_tables_to_appear_in_same_query!(consumer_window, endpoint, endpoint_window);
