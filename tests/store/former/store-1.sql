BEGIN TRANSACTION;
CREATE TABLE drains (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, removed REAL
);
INSERT INTO "drains" VALUES('d-1','site/tokyo','CHG-1','ops',1790000000.25,4000000000.5,NULL);
INSERT INTO "drains" VALUES('d-2','pool/web','CHG-2','ops',1790000001.0,4000000000.0,1790000100.0);
CREATE TABLE health (only INTEGER PRIMARY KEY CHECK (only = 1), stamp REAL NOT NULL, belief TEXT NOT NULL);
INSERT INTO "health" VALUES(1,1790000200.0,'{"belief": [["web", "192.0.2.1", "down", 1790000050.0, "timeout"]], "waiting": [], "only": {}}');
PRAGMA user_version = 1;
COMMIT;
