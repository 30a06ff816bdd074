DROP FUNCTION drop_empty_partition, make_partition;
DROP TABLE damaged_window, sum_1w, sum_1d, sum_1h, sum_1m, window_1d, window_1h, window_1m, window_10s, dead_letter, arrival,
    writer, endpoint, service;
