BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE delivery (
	id INTEGER NOT NULL, 
	target_id VARCHAR NOT NULL, 
	delivery_id VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	received_at DATETIME NOT NULL, 
	handled_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE, 
	UNIQUE (target_id, delivery_id)
);
INSERT INTO "delivery" VALUES(1,'236e445357ab','answered','issues','2026-11-24 18:05:16.888380','2026-11-24 18:05:16.888380');
INSERT INTO "delivery" VALUES(2,'236e445357ab','waiting','issues','2026-11-24 18:05:16.888380',NULL);
CREATE TABLE journal (
	id INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	node_id INTEGER, 
	"key" VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	shape VARCHAR NOT NULL, 
	fields JSON NOT NULL, 
	fingerprint TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	url VARCHAR NOT NULL, 
	error VARCHAR NOT NULL, 
	request_id VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	finished_at DATETIME, writes INTEGER DEFAULT '1' NOT NULL, last_write_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(node_id) REFERENCES node (id) ON DELETE SET NULL, 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE, 
	UNIQUE (run_id, seq)
);
INSERT INTO "journal" VALUES(1,'9a16c33047c9','236e445357ab',0,1,'M1','create','milestone','{"title": {"before": null, "after": "M1 \u2014 Foundations \u201ctief\u201d"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nLay the ground; it''s 100% caf\u00e9.\n\n<!-- milepost:old/M1 -->"}, "due": {"before": null, "after": "2026-11-16"}, "state": {"before": null, "after": "open"}}','["create", 1, "M1", "milestone", null, {"description": [null, "<!-- milepost:begin -->\nLay the ground; it''s 100% café.\n\n<!-- milepost:old/M1 -->"], "due": [null, "2026-11-16"], "state": [null, "open"], "title": [null, "M1 — Foundations “tief”"]}]','done','http://127.0.0.1:44425/acme/app/milestone/1','','CC5523F82E054307A031','2026-11-24 18:05:18.802195','2026-11-24 18:05:18.819614',1,'2026-11-24 18:05:18.809007');
INSERT INTO "journal" VALUES(2,'9a16c33047c9','236e445357ab',1,3,'1A','create','issue','{"title": {"before": null, "after": "1A \u2014 Mobilisation"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1A.1 Draft the charter.\n- [ ] 1A.2 Set up the tools.\n<!-- milepost:old/1A -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}','["create", 3, "1A", "issue", null, {"description": [null, "<!-- milepost:begin -->\n- [ ] 1A.1 Draft the charter.\n- [ ] 1A.2 Set up the tools.\n<!-- milepost:old/1A -->"], "labels": [null, ["epic"]], "milestone": [null, "M1"], "title": [null, "1A — Mobilisation"]}]','done','http://127.0.0.1:44425/acme/app/issues/1','','7036C55508754CB4870F','2026-11-24 18:05:18.830680','2026-11-24 18:05:18.849030',1,'2026-11-24 18:05:18.837193');
INSERT INTO "journal" VALUES(3,'9a16c33047c9','236e445357ab',2,4,'1B','create','issue','{"title": {"before": null, "after": "1B \u2014 Blueprint"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1B.1 Draw the plan.\n<!-- milepost:old/1B -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}','["create", 4, "1B", "issue", null, {"description": [null, "<!-- milepost:begin -->\n- [ ] 1B.1 Draw the plan.\n<!-- milepost:old/1B -->"], "labels": [null, ["epic"]], "milestone": [null, "M1"], "title": [null, "1B — Blueprint"]}]','done','http://127.0.0.1:44425/acme/app/issues/2','','4D969EEB76684D16978B','2026-11-24 18:05:18.858414','2026-11-24 18:05:18.871472',1,'2026-11-24 18:05:18.861509');
INSERT INTO "journal" VALUES(4,'9a16c33047c9','236e445357ab',3,2,'M2','create','milestone','{"title": {"before": null, "after": "M2 \u2014 Walls"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nBuild up.\n\n<!-- milepost:old/M2 -->"}, "due": {"before": null, "after": "2026-11-30"}, "state": {"before": null, "after": "open"}}','["create", 2, "M2", "milestone", null, {"description": [null, "<!-- milepost:begin -->\nBuild up.\n\n<!-- milepost:old/M2 -->"], "due": [null, "2026-11-30"], "state": [null, "open"], "title": [null, "M2 — Walls"]}]','done','http://127.0.0.1:44425/acme/app/milestone/2','','7F8BF146409F489589E9','2026-11-24 18:05:18.876099','2026-11-24 18:05:18.888252',1,'2026-11-24 18:05:18.881549');
INSERT INTO "journal" VALUES(5,'9a16c33047c9','236e445357ab',4,5,'2A','create','issue','{"title": {"before": null, "after": "2A \u2014 Bricks"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 2A.1 Lay bricks.\n<!-- milepost:old/2A -->"}, "milestone": {"before": null, "after": "M2"}, "labels": {"before": null, "after": ["epic"]}}','["create", 5, "2A", "issue", null, {"description": [null, "<!-- milepost:begin -->\n- [ ] 2A.1 Lay bricks.\n<!-- milepost:old/2A -->"], "labels": [null, ["epic"]], "milestone": [null, "M2"], "title": [null, "2A — Bricks"]}]','done','http://127.0.0.1:44425/acme/app/issues/3','','5AA1C9D7430D4339810F','2026-11-24 18:05:18.917859','2026-11-24 18:05:18.932445',1,'2026-11-24 18:05:18.925467');
CREATE TABLE lease (
	target_id VARCHAR NOT NULL, 
	holder VARCHAR NOT NULL, 
	fence INTEGER NOT NULL, 
	expires_at DATETIME NOT NULL, wanted_at DATETIME, 
	PRIMARY KEY (target_id), 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE
);
INSERT INTO "lease" VALUES('236e445357ab','',3,'2026-11-24 18:05:24.529450',NULL);
CREATE TABLE link (
	id INTEGER NOT NULL, 
	target_id VARCHAR NOT NULL, 
	node_id INTEGER NOT NULL, 
	shape VARCHAR NOT NULL, 
	family VARCHAR NOT NULL, 
	ref_id VARCHAR, 
	number INTEGER, 
	global_id VARCHAR NOT NULL, 
	url VARCHAR NOT NULL, 
	base JSON NOT NULL, 
	section JSON NOT NULL, sent JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(node_id) REFERENCES node (id) ON DELETE CASCADE, 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE, 
	UNIQUE (target_id, family, ref_id), 
	UNIQUE (target_id, node_id)
);
INSERT INTO "link" VALUES(1,'236e445357ab',1,'milestone','milestone','1',1,'MI_kwDOAAAAAAAAxl1B','http://127.0.0.1:44425/acme/app/milestone/1','{"title": "M1 \u2014 Foundations \u201ctief\u201d", "due": "2026-11-16", "state": "open"}','{"intro": "Lay the ground; it''s 100% caf\u00e9.", "lines": [], "left": [], "order": 1}',NULL);
INSERT INTO "link" VALUES(2,'236e445357ab',3,'issue','item','1',1,'I_kwDOAAAAAADWk6QB','http://127.0.0.1:44425/acme/app/issues/1','{"title": "1A \u2014 Mobilisation", "milestone": 1, "labels": ["epic"]}','{"intro": "", "lines": [[6, "1A.1", "Draft the charter."], [7, "1A.2", "Set up the tools."]], "left": [], "order": 1}',NULL);
INSERT INTO "link" VALUES(3,'236e445357ab',4,'issue','item','2',2,'I_kwDOAAAAAADWk6QC','http://127.0.0.1:44425/acme/app/issues/2','{"title": "1B \u2014 Blueprint", "milestone": 1, "labels": ["epic"]}','{"intro": "", "lines": [[8, "1B.1", "Draw the plan."]], "left": [], "order": 1}',NULL);
INSERT INTO "link" VALUES(4,'236e445357ab',2,'milestone','milestone','2',2,'MI_kwDOAAAAAAAAxl1C','http://127.0.0.1:44425/acme/app/milestone/2','{"title": "M2 \u2014 Walls", "due": "2026-11-30", "state": "open"}','{"intro": "Build up.", "lines": [], "left": [], "order": 1}',NULL);
INSERT INTO "link" VALUES(5,'236e445357ab',5,'issue','item','3',3,'I_kwDOAAAAAADWk6QD','http://127.0.0.1:44425/acme/app/issues/3','{"title": "2A \u2014 Bricks", "milestone": 2, "labels": ["epic"]}','{"intro": "", "lines": [[9, "2A.1", "Lay bricks."]], "left": [], "order": 1}',NULL);
CREATE TABLE "mirror" (
	id INTEGER NOT NULL, 
	target_id VARCHAR NOT NULL, 
	family VARCHAR NOT NULL, 
	ref_id VARCHAR NOT NULL, 
	shape VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	global_id VARCHAR NOT NULL, 
	url VARCHAR NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	reason VARCHAR, 
	milestone VARCHAR, 
	parent VARCHAR, 
	labels JSON NOT NULL, 
	start DATE, 
	due DATE, 
	updated_at DATETIME, 
	closed_at DATETIME, 
	type VARCHAR, 
	blocked_by JSON DEFAULT '[]' NOT NULL, 
	copied BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE, 
	UNIQUE (target_id, family, ref_id)
);
INSERT INTO "mirror" VALUES(1,'236e445357ab','milestone','1','milestone',1,'MI_kwDOAAAAAAAAxl1B','http://127.0.0.1:44425/acme/app/milestone/1','M1 — Foundations “tief”','<!-- milepost:begin -->
Lay the ground; it''s 100% café.

<!-- milepost:old/M1 -->','open',NULL,NULL,NULL,'[]',NULL,'2026-11-16','2026-11-24 18:05:18.000000',NULL,NULL,'[]',0);
INSERT INTO "mirror" VALUES(2,'236e445357ab','item','1','issue',1,'I_kwDOAAAAAADWk6QB','http://127.0.0.1:44425/acme/app/issues/1','1A — Mobilisation','<!-- milepost:begin -->
- [x] 1A.1 Draft the charter.
- [ ] 1A.2 Set up the tools.
<!-- milepost:old/1A -->','open',NULL,'1',NULL,'["epic"]',NULL,NULL,'2026-11-24 18:05:19.000000',NULL,NULL,'[]',0);
INSERT INTO "mirror" VALUES(3,'236e445357ab','item','2','issue',2,'I_kwDOAAAAAADWk6QC','http://127.0.0.1:44425/acme/app/issues/2','1B — Blueprint','<!-- milepost:begin -->
- [ ] 1B.1 Draw the plan.
<!-- milepost:old/1B -->','closed','completed','1',NULL,'["epic"]',NULL,NULL,'2026-11-24 18:05:19.000000','2026-11-24 18:05:19.000000',NULL,'[]',0);
INSERT INTO "mirror" VALUES(4,'236e445357ab','milestone','2','milestone',2,'MI_kwDOAAAAAAAAxl1C','http://127.0.0.1:44425/acme/app/milestone/2','M2 — Walls','<!-- milepost:begin -->
Build up.

<!-- milepost:old/M2 -->','open',NULL,NULL,NULL,'[]',NULL,'2026-11-30','2026-11-24 18:05:18.000000',NULL,NULL,'[]',0);
INSERT INTO "mirror" VALUES(5,'236e445357ab','item','3','issue',3,'I_kwDOAAAAAADWk6QD','http://127.0.0.1:44425/acme/app/issues/3','2A — Bricks','<!-- milepost:begin -->
- [ ] 2A.1 Lay bricks.
<!-- milepost:old/2A -->','open',NULL,'2',NULL,'["epic"]',NULL,NULL,'2026-11-24 18:05:18.000000',NULL,NULL,'[]',0);
INSERT INTO "mirror" VALUES(6,'236e445357ab','item','4','issue',4,'I_kwDOAAAAAADWk6QE','http://127.0.0.1:44425/acme/app/issues/4','People''s own','','open',NULL,'1',NULL,'[]',NULL,NULL,'2026-11-24 18:05:19.000000',NULL,NULL,'[]',0);
CREATE TABLE node (
	id INTEGER NOT NULL, 
	programme_id INTEGER NOT NULL, 
	parent_id INTEGER, 
	kind VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	text TEXT NOT NULL, 
	window_text VARCHAR, 
	window_start DATE, 
	window_end DATE, 
	declared_percent FLOAT, 
	completed BOOLEAN NOT NULL, 
	completed_on DATE, 
	depends_on JSON NOT NULL, 
	prerequisites JSON NOT NULL, 
	owner VARCHAR NOT NULL, 
	line INTEGER NOT NULL, 
	archived_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(parent_id) REFERENCES node (id) ON DELETE CASCADE, 
	FOREIGN KEY(programme_id) REFERENCES programme (id) ON DELETE CASCADE
);
INSERT INTO "node" VALUES(1,1,NULL,'milestone','M1',0,'Foundations “tief”','Lay the ground; it''s 100% café.','Weeks 0–2','2026-11-02','2026-11-16',NULL,0,NULL,'[]','[]','',3,NULL);
INSERT INTO "node" VALUES(2,1,NULL,'milestone','M2',1,'Walls','Build up.','Weeks 2–4','2026-11-16','2026-11-30',NULL,0,NULL,'["M1"]','[]','',13,NULL);
INSERT INTO "node" VALUES(3,1,1,'task','1A',0,'Mobilisation','',NULL,NULL,NULL,12.0,0,NULL,'[]','[]','',7,NULL);
INSERT INTO "node" VALUES(4,1,1,'task','1B',1,'The Blueprint','',NULL,NULL,NULL,NULL,0,NULL,'[]','[]','',10,NULL);
INSERT INTO "node" VALUES(5,1,2,'task','2A',0,'Bricks','',NULL,NULL,NULL,NULL,0,NULL,'[]','[]','',18,NULL);
INSERT INTO "node" VALUES(6,1,3,'step','1A.1',0,'Draft the charter.','',NULL,NULL,NULL,NULL,0,NULL,'[]','[]','',8,NULL);
INSERT INTO "node" VALUES(7,1,3,'step','1A.2',1,'Set up the tools.','',NULL,NULL,NULL,NULL,0,NULL,'[]','[]','',9,NULL);
INSERT INTO "node" VALUES(8,1,4,'step','1B.1',0,'Draw the plan.','',NULL,NULL,NULL,NULL,0,NULL,'[]','[]','',11,NULL);
INSERT INTO "node" VALUES(9,1,5,'step','2A.1',0,'Lay bricks.','',NULL,NULL,NULL,NULL,0,NULL,'[]','[]','',19,NULL);
CREATE TABLE "plan" (
	id VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	checksum VARCHAR NOT NULL, 
	complete BOOLEAN NOT NULL, 
	adopt BOOLEAN NOT NULL, 
	recreate BOOLEAN NOT NULL, 
	summary JSON NOT NULL, 
	content JSON NOT NULL, undoes VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE
);
INSERT INTO "plan" VALUES('6a61fe61158b','236e445357ab','2026-11-24 18:05:18.791739','4add9390a2680b6d0ea4680154d0c5b26f08c3d7c16ae9f3e605c597ec4a5eca',1,0,0,'{"create": 5, "update": 0, "close": 0, "reopen": 0, "adopt": 0, "unchanged": 0, "conflict": 0, "missing": 0}','{"changes": [{"action": "create", "key": "M1", "shape": "milestone", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "M1 \u2014 Foundations \u201ctief\u201d"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nLay the ground; it''s 100% caf\u00e9.\n\n<!-- milepost:old/M1 -->"}, "due": {"before": null, "after": "2026-11-16"}, "state": {"before": null, "after": "open"}}, "node": 1, "kind": "milestone", "ref": null, "intro": "Lay the ground; it''s 100% caf\u00e9.", "lines": [], "base": {"title": "M1 \u2014 Foundations \u201ctief\u201d", "due": "2026-11-16", "state": "open"}, "forget": false}, {"action": "create", "key": "1A", "shape": "issue", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "1A \u2014 Mobilisation"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1A.1 Draft the charter.\n- [ ] 1A.2 Set up the tools.\n<!-- milepost:old/1A -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}, "node": 3, "kind": "task", "ref": null, "intro": "", "lines": [[6, "1A.1", "Draft the charter."], [7, "1A.2", "Set up the tools."]], "base": {"title": "1A \u2014 Mobilisation", "milestone": "M1", "labels": ["epic"]}, "forget": false}, {"action": "create", "key": "1B", "shape": "issue", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "1B \u2014 Blueprint"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1B.1 Draw the plan.\n<!-- milepost:old/1B -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}, "node": 4, "kind": "task", "ref": null, "intro": "", "lines": [[8, "1B.1", "Draw the plan."]], "base": {"title": "1B \u2014 Blueprint", "milestone": "M1", "labels": ["epic"]}, "forget": false}, {"action": "create", "key": "M2", "shape": "milestone", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "M2 \u2014 Walls"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nBuild up.\n\n<!-- milepost:old/M2 -->"}, "due": {"before": null, "after": "2026-11-30"}, "state": {"before": null, "after": "open"}}, "node": 2, "kind": "milestone", "ref": null, "intro": "Build up.", "lines": [], "base": {"title": "M2 \u2014 Walls", "due": "2026-11-30", "state": "open"}, "forget": false}, {"action": "create", "key": "2A", "shape": "issue", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "2A \u2014 Bricks"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 2A.1 Lay bricks.\n<!-- milepost:old/2A -->"}, "milestone": {"before": null, "after": "M2"}, "labels": {"before": null, "after": ["epic"]}}, "node": 5, "kind": "task", "ref": null, "intro": "", "lines": [[9, "2A.1", "Lay bricks."]], "base": {"title": "2A \u2014 Bricks", "milestone": "M2", "labels": ["epic"]}, "forget": false}], "drift": [], "degraded": [], "unchanged": 0}',NULL);
INSERT INTO "plan" VALUES('ecd9642b2025','236e445357ab','2026-11-24 18:05:24.525624','f97ae4cd350d4fc22ab0eb7356515ec6f8e1a12e088a9948225013857c5b56fa',1,0,0,'{"create": 0, "update": 1, "close": 0, "reopen": 0, "adopt": 0, "unchanged": 4, "conflict": 0, "missing": 0}','{"changes": [{"action": "update", "key": "1B", "shape": "issue", "url": "http://127.0.0.1:44425/acme/app/issues/2", "reason": "the roadmap asks for another title", "fields": {"title": {"before": "1B \u2014 Blueprint", "after": "1B \u2014 The Blueprint"}}, "node": 4, "kind": "task", "ref": ["issue", "2", 2, "I_kwDOAAAAAADWk6QC", "http://127.0.0.1:44425/acme/app/issues/2"], "intro": "", "lines": [[8, "1B.1", "Draw the plan."]], "base": {"title": "1B \u2014 The Blueprint", "milestone": "M1", "labels": ["epic"]}, "forget": false}], "drift": [], "degraded": [], "unchanged": 4}',NULL);
CREATE TABLE programme (
	id INTEGER NOT NULL, 
	slug VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	start DATE NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (slug)
);
INSERT INTO "programme" VALUES(1,'old','Upgraded Programme','2026-11-02','2026-11-24 18:05:15.323092','2026-11-24 18:05:22.736266');
CREATE TABLE "run" (
	id VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	plan_id VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	total INTEGER NOT NULL, 
	done INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	skipped INTEGER NOT NULL, 
	error VARCHAR NOT NULL, 
	actor VARCHAR DEFAULT '' NOT NULL, 
	max_percent FLOAT DEFAULT '30' NOT NULL, 
	recreate BOOLEAN DEFAULT 0 NOT NULL, 
	resume_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(plan_id) REFERENCES "plan" (id) ON DELETE CASCADE, 
	FOREIGN KEY(target_id) REFERENCES target (id) ON DELETE CASCADE
);
INSERT INTO "run" VALUES('9a16c33047c9','236e445357ab','6a61fe61158b','done','2026-11-24 18:05:18.797373','2026-11-24 18:05:18.934576',5,5,0,0,'','root@vm',30.0,0,NULL);
INSERT INTO "run" VALUES('interrupted0','236e445357ab','ecd9642b2025','interrupted','2026-11-24 18:05:24.525624','2026-11-24 18:05:24.525624',3,1,1,0,'a 502','service',50.5,0,NULL);
CREATE TABLE target (
	id VARCHAR NOT NULL, 
	programme_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	group_path VARCHAR NOT NULL, 
	base_url VARCHAR NOT NULL, 
	profile VARCHAR NOT NULL, 
	nodes JSON, 
	token_env VARCHAR NOT NULL, 
	token_file VARCHAR NOT NULL, 
	app_id INTEGER, 
	app_key_file VARCHAR NOT NULL, 
	installation_id INTEGER, 
	webhook_secret_env VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	interval_seconds INTEGER NOT NULL, 
	cursor TEXT, 
	mirrored_at DATETIME, 
	last_refresh DATETIME, 
	last_error VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, hook_id VARCHAR DEFAULT '' NOT NULL, holds JSON, hold_until DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(programme_id) REFERENCES programme (id) ON DELETE CASCADE, 
	UNIQUE (name)
);
INSERT INTO "target" VALUES('236e445357ab',1,'hub','github','acme/app','','http://127.0.0.1:44425','github',NULL,'GITHUB_TOKEN','',NULL,'',NULL,'HOOK_SECRET','active',300,'{"v": 2, "place": "http://127.0.0.1:44425 acme/app", "since": "2026-11-24T18:04:19Z", "newest": "2026-11-24T18:05:19+00:00", "milestones": ["W/\"7a7386f131188c6abecf245939df79d01fdf8a1c40740613b1e57f0284ff9fc4\""], "issues": ""}','2026-11-24 18:05:24.478374','2026-11-24 18:05:24.478374','','2026-11-24 18:05:16.888380','','{"title_max": 256, "description_max": 65536, "start_dates": false, "children": true, "children_max": 100, "epics": false, "strips_title_tags": false, "quick_actions": false, "levels": 8, "types": [], "blockers_max": 50}',NULL);
CREATE TABLE version (
	id INTEGER NOT NULL, 
	programme_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	source BLOB NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	start DATE NOT NULL, 
	imported_at DATETIME NOT NULL, 
	changes JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(programme_id) REFERENCES programme (id) ON DELETE CASCADE, 
	UNIQUE (programme_id, number)
);
INSERT INTO "version" VALUES(1,1,1,X'232055706772616465642050726F6772616D6D650A0A232323204D696C6573746F6E65204D3120E2809420466F756E646174696F6E7320E2809C74696566E2809D0A2D202A2A5461726765742057696E646F773A2A2A205765656B732030E28093320A2D202A2A4F626A6563746976653A2A2A204C6179207468652067726F756E643B2069742773203130302520636166C3A92E0A2D202A2A5461736B733A2A2A0A20202D202A2A5461736B20314120E28094204D6F62696C69736174696F6E202831322520636F6D706C657465292A2A0A20202020312E2044726166742074686520636861727465722E0A20202020322E205365742075702074686520746F6F6C732E0A20202D202A2A5461736B20314220E2809420426C75657072696E742A2A0A20202020312E20447261772074686520706C616E2E0A0A232323204D696C6573746F6E65204D3220E280942057616C6C730A2D202A2A5461726765742057696E646F773A2A2A205765656B732032E28093340A2D202A2A4F626A6563746976653A2A2A204275696C642075702E0A2D202A2A446570656E6473206F6E3A2A2A204D310A2D202A2A5461736B733A2A2A0A20202D202A2A5461736B20324120E2809420427269636B732A2A0A20202020312E204C617920627269636B732E0A','8a8745c51fc9505c2c5791e056a9e5aedab33fd690ff12b4a25c5eedb0f8c978','2026-11-02','2026-11-24 18:05:15.323092','{"added": ["M1", "1A", "1A.1", "1A.2", "1B", "1B.1", "M2", "2A", "2A.1"], "removed": [], "renamed": [], "moved": [], "reworded": []}');
INSERT INTO "version" VALUES(2,1,2,X'232055706772616465642050726F6772616D6D650A0A232323204D696C6573746F6E65204D3120E2809420466F756E646174696F6E7320E2809C74696566E2809D0A2D202A2A5461726765742057696E646F773A2A2A205765656B732030E28093320A2D202A2A4F626A6563746976653A2A2A204C6179207468652067726F756E643B2069742773203130302520636166C3A92E0A2D202A2A5461736B733A2A2A0A20202D202A2A5461736B20314120E28094204D6F62696C69736174696F6E202831322520636F6D706C657465292A2A0A20202020312E2044726166742074686520636861727465722E0A20202020322E205365742075702074686520746F6F6C732E0A20202D202A2A5461736B20314220E280942054686520426C75657072696E742A2A0A20202020312E20447261772074686520706C616E2E0A0A232323204D696C6573746F6E65204D3220E280942057616C6C730A2D202A2A5461726765742057696E646F773A2A2A205765656B732032E28093340A2D202A2A4F626A6563746976653A2A2A204275696C642075702E0A2D202A2A446570656E6473206F6E3A2A2A204D310A2D202A2A5461736B733A2A2A0A20202D202A2A5461736B20324120E2809420427269636B732A2A0A20202020312E204C617920627269636B732E0A','888145f68cd81fd506c087204054d0b793443794a0d2cce0a9e6c067cb05395a','2026-11-02','2026-11-24 18:05:22.736266','{"added": [], "removed": [], "renamed": ["1B"], "moved": [], "reworded": []}');
CREATE INDEX ix_node_parent_id ON node (parent_id);
CREATE UNIQUE INDEX node_key ON node (programme_id, "key") WHERE archived_at IS NULL;
CREATE INDEX ix_target_programme_id ON target (programme_id);
CREATE INDEX ix_link_node_id ON link (node_id);
CREATE INDEX ix_plan_target_id ON "plan" (target_id);
CREATE INDEX ix_journal_target_id ON journal (target_id);
CREATE INDEX ix_run_target_id ON run (target_id);
CREATE INDEX journal_at ON journal (target_id, at);
COMMIT;
