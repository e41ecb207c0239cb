BEGIN TRANSACTION;
CREATE TABLE copies (name TEXT PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO "copies" VALUES('intents','[]');
CREATE TABLE health (
  only INTEGER PRIMARY KEY CHECK (only = 1), stamp REAL NOT NULL, belief TEXT NOT NULL
);
INSERT INTO "health" VALUES(1,1790000200.0,'{"belief": [["web", "192.0.2.1", "down", 1790000050.0, "timeout"]], "waiting": [], "only": {}}');
CREATE TABLE intents (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL, removed REAL, more TEXT NOT NULL
);
INSERT INTO "intents" VALUES('d-1','drain','site/tokyo','CHG-1','ops',1790000000.25,4000000000.5,NULL,'{"leased": false, "local": false, "starts": 1790000000.25, "changed": 0, "overrides": false, "percent": 100}');
INSERT INTO "intents" VALUES('d-2','drain','pool/web','CHG-2','ops',1790000001.0,4000000000.0,1790000100.0,'{"leased": false, "local": false, "starts": 1790000001.0, "changed": 0, "overrides": false, "percent": 100}');
CREATE TABLE kept (kind TEXT, key TEXT, text TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE records (node TEXT, number INTEGER, record TEXT NOT NULL, PRIMARY KEY (node, number));
INSERT INTO "records" VALUES('tokyo-1',1,'{"action":"drain","actor":"ops","after":{"changed":0,"created":1790000000.25,"expires":4000000000.5,"id":"d-1","local":false,"overrides":false,"owner":"ops","percent":100,"reason":"CHG-1","starts":1790000000.25,"target":"site/tokyo"},"at":1795290427.663966,"before":null,"format":2,"hash":"18417aa24499abc44783855dfe57a68d6f4b548a2faf5f9a6db2146eb2d7ff92","link":"","node":"tokyo-1","number":1,"reason":"CHG-1","source":"192.0.2.7","subject":"d-1","target":"site/tokyo"}');
INSERT INTO "records" VALUES('tokyo-1',2,'{"action":"drain","actor":"ops","after":{"changed":0,"created":1790000001.0,"expires":4000000000.0,"id":"d-2","local":false,"overrides":false,"owner":"ops","percent":100,"reason":"CHG-2","starts":1790000001.0,"target":"pool/web"},"at":1795290427.665048,"before":null,"format":2,"hash":"d4003ad0593b4e6ef1615634f517c863d7ccd70d62117fe6d26502a705a07a12","link":"18417aa24499abc44783855dfe57a68d6f4b548a2faf5f9a6db2146eb2d7ff92","node":"tokyo-1","number":2,"reason":"CHG-2","source":"192.0.2.7","subject":"d-2","target":"pool/web"}');
INSERT INTO "records" VALUES('tokyo-1',3,'{"action":"undrain","actor":"ops","after":null,"at":1795290427.6657667,"before":{"changed":0,"created":1790000001.0,"expires":4000000000.0,"id":"d-2","local":false,"overrides":false,"owner":"ops","percent":100,"reason":"CHG-2","starts":1790000001.0,"target":"pool/web"},"format":2,"hash":"50a66f43ea4af15d61f30f7552047d77e1504acba3e3fb5c1ca222aace601eb1","link":"d4003ad0593b4e6ef1615634f517c863d7ccd70d62117fe6d26502a705a07a12","node":"tokyo-1","number":3,"reason":"done","source":"192.0.2.7","subject":"d-2","target":"pool/web"}');
PRAGMA user_version = 3;
COMMIT;
