DROP TABLE damaged_window, window_1d, window_1h, window_1m, window_10s, dead_letter, arrival, writer, endpoint, service;
