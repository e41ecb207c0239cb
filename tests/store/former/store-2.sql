BEGIN TRANSACTION;
CREATE TABLE audit (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,'{"node": "tokyo-1", "number": 1, "at": 1790000000.25, "action": "drain", "target": "site/tokyo", "subject": "d-1", "owner": "ops", "reason": "CHG-1", "before": "", "hash": "6eee54cc8668205790f2c6f0f7759af51c3bf679e6b795f005250ae10d060fc0"}');
INSERT INTO "audit" VALUES(2,'{"node": "tokyo-1", "number": 2, "at": 1790000001.0, "action": "drain", "target": "pool/web", "subject": "d-2", "owner": "ops", "reason": "CHG-2", "before": "6eee54cc8668205790f2c6f0f7759af51c3bf679e6b795f005250ae10d060fc0", "hash": "34f403d0d745e45b2738c26abd64a84203955464bd1f004d9df34792a96cc852"}');
INSERT INTO "audit" VALUES(3,'{"node": "tokyo-1", "number": 3, "at": 1790000100.0, "action": "undrain", "target": "pool/web", "subject": "d-2", "owner": "ops", "reason": "CHG-2", "before": "34f403d0d745e45b2738c26abd64a84203955464bd1f004d9df34792a96cc852", "hash": "3473a03b2e042997aaebd595f2c2f43e14d8f38a1733b30cb79846a633538b59"}');
CREATE TABLE copies (name TEXT PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO "copies" VALUES('drains','[]');
CREATE TABLE drains (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, removed REAL
);
INSERT INTO "drains" VALUES('d-1','site/tokyo','CHG-1','ops',1790000000.25,4000000000.5,NULL);
INSERT INTO "drains" VALUES('d-2','pool/web','CHG-2','ops',1790000001.0,4000000000.0,1790000100.0);
CREATE TABLE health (
  only INTEGER PRIMARY KEY CHECK (only = 1), stamp REAL NOT NULL, belief TEXT NOT NULL
);
INSERT INTO "health" VALUES(1,1790000200.0,'{"belief": [["web", "192.0.2.1", "down", 1790000050.0, "timeout"]], "waiting": [], "only": {}}');
PRAGMA user_version = 2;
COMMIT;
