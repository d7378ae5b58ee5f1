COPY (SELECT * FROM (VALUES
 ('a', INTERVAL '14 months 3 days 1.5 seconds', 'infinity'::DATE, 'infinity'::TIMESTAMP, TIME '24:00:00', '4ac9a5a6-1f0e-4b0a-9c1d-0123456789ab'::UUID, '{"k": 1}'::JSON, 19.90::DECIMAL(6,2), 'inf'::DOUBLE, MAP {7: 'seven'}),
 ('b', INTERVAL '1 day', '-infinity'::DATE, '-infinity'::TIMESTAMP, TIME '12:30:00', '00000000-0000-0000-0000-000000000001'::UUID, 'null'::JSON, 5.00::DECIMAL(6,2), 'nan'::DOUBLE, MAP {1: 'one', 2: NULL}),
 ('c', NULL, DATE '2024-02-29', TIMESTAMP '2024-02-29 01:02:03', NULL, NULL, NULL, NULL, 0.5, NULL)
) t(id, span, day, moment, clock, tag, doc, price, ratio, counts)) TO 'tests/data/odd_types.parquet' (FORMAT parquet);
