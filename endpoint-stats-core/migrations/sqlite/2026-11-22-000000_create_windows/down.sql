DROP TABLE writer;
DROP TABLE summed;
DROP TABLE sum;
DROP TABLE consumer_window;
DROP TABLE damaged_window;
DROP TABLE endpoint_window;
DROP TABLE endpoint;
PRAGMA application_id = 0;
