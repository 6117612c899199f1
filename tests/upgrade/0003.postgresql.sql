SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.delivery (
    id bigint NOT NULL,
    target_id character varying NOT NULL,
    delivery_id character varying NOT NULL,
    event character varying NOT NULL,
    received_at timestamp with time zone NOT NULL,
    handled_at timestamp with time zone
);
CREATE SEQUENCE public.delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.delivery_id_seq OWNED BY public.delivery.id;
CREATE TABLE public.journal (
    id bigint NOT NULL,
    run_id character varying NOT NULL,
    target_id character varying NOT NULL,
    seq integer NOT NULL,
    node_id bigint,
    key character varying NOT NULL,
    action character varying NOT NULL,
    shape character varying NOT NULL,
    fields json NOT NULL,
    fingerprint text NOT NULL,
    state character varying NOT NULL,
    url character varying NOT NULL,
    error character varying NOT NULL,
    request_id character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    writes integer DEFAULT 1 NOT NULL,
    last_write_at timestamp with time zone
);
CREATE SEQUENCE public.journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.journal_id_seq OWNED BY public.journal.id;
CREATE TABLE public.lease (
    target_id character varying NOT NULL,
    holder character varying NOT NULL,
    fence integer NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    wanted_at timestamp with time zone
);
CREATE TABLE public.link (
    id bigint NOT NULL,
    target_id character varying NOT NULL,
    node_id bigint NOT NULL,
    shape character varying NOT NULL,
    family character varying NOT NULL,
    ref_id character varying,
    number integer,
    global_id character varying NOT NULL,
    url character varying NOT NULL,
    base json NOT NULL,
    section json NOT NULL,
    sent json
);
CREATE SEQUENCE public.link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.link_id_seq OWNED BY public.link.id;
CREATE TABLE public.mirror (
    id bigint NOT NULL,
    target_id character varying NOT NULL,
    family character varying NOT NULL,
    ref_id character varying NOT NULL,
    shape character varying NOT NULL,
    number integer NOT NULL,
    global_id character varying NOT NULL,
    url character varying NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    state character varying NOT NULL,
    reason character varying,
    milestone character varying,
    parent character varying,
    labels json NOT NULL,
    start date,
    due date,
    updated_at timestamp with time zone,
    closed_at timestamp with time zone,
    type character varying,
    blocked_by json DEFAULT '[]'::json NOT NULL,
    copied boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.mirror_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.mirror_id_seq OWNED BY public.mirror.id;
CREATE TABLE public.node (
    id bigint NOT NULL,
    programme_id bigint NOT NULL,
    parent_id bigint,
    kind character varying NOT NULL,
    key character varying NOT NULL,
    "position" integer NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    window_text character varying,
    window_start date,
    window_end date,
    declared_percent double precision,
    completed boolean NOT NULL,
    completed_on date,
    depends_on json NOT NULL,
    prerequisites json NOT NULL,
    owner character varying NOT NULL,
    line integer NOT NULL,
    archived_at timestamp with time zone
);
CREATE SEQUENCE public.node_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.node_id_seq OWNED BY public.node.id;
CREATE TABLE public.plan (
    id character varying NOT NULL,
    target_id character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    checksum character varying NOT NULL,
    complete boolean NOT NULL,
    adopt boolean NOT NULL,
    recreate boolean NOT NULL,
    summary json NOT NULL,
    content json NOT NULL,
    undoes character varying
);
CREATE TABLE public.programme (
    id bigint NOT NULL,
    slug character varying NOT NULL,
    title character varying NOT NULL,
    start date NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.programme_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.programme_id_seq OWNED BY public.programme.id;
CREATE TABLE public.run (
    id character varying NOT NULL,
    target_id character varying NOT NULL,
    plan_id character varying NOT NULL,
    state character varying NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    total integer NOT NULL,
    done integer NOT NULL,
    failed integer NOT NULL,
    skipped integer NOT NULL,
    error character varying NOT NULL,
    actor character varying DEFAULT ''::character varying NOT NULL,
    max_percent double precision DEFAULT '30'::double precision NOT NULL,
    recreate boolean DEFAULT false NOT NULL,
    resume_at timestamp with time zone
);
CREATE TABLE public.target (
    id character varying NOT NULL,
    programme_id bigint NOT NULL,
    name character varying NOT NULL,
    kind character varying NOT NULL,
    path character varying NOT NULL,
    group_path character varying NOT NULL,
    base_url character varying NOT NULL,
    profile character varying NOT NULL,
    nodes json,
    token_env character varying NOT NULL,
    token_file character varying NOT NULL,
    app_id integer,
    app_key_file character varying NOT NULL,
    installation_id integer,
    webhook_secret_env character varying NOT NULL,
    state character varying NOT NULL,
    interval_seconds integer NOT NULL,
    cursor text,
    mirrored_at timestamp with time zone,
    last_refresh timestamp with time zone,
    last_error character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    hook_id character varying DEFAULT ''::character varying NOT NULL,
    holds json,
    hold_until timestamp with time zone
);
CREATE TABLE public.version (
    id bigint NOT NULL,
    programme_id bigint NOT NULL,
    number integer NOT NULL,
    source bytea NOT NULL,
    sha256 character varying NOT NULL,
    start date NOT NULL,
    imported_at timestamp with time zone NOT NULL,
    changes json NOT NULL
);
CREATE SEQUENCE public.version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.version_id_seq OWNED BY public.version.id;
ALTER TABLE ONLY public.delivery ALTER COLUMN id SET DEFAULT nextval('public.delivery_id_seq'::regclass);
ALTER TABLE ONLY public.journal ALTER COLUMN id SET DEFAULT nextval('public.journal_id_seq'::regclass);
ALTER TABLE ONLY public.link ALTER COLUMN id SET DEFAULT nextval('public.link_id_seq'::regclass);
ALTER TABLE ONLY public.mirror ALTER COLUMN id SET DEFAULT nextval('public.mirror_id_seq'::regclass);
ALTER TABLE ONLY public.node ALTER COLUMN id SET DEFAULT nextval('public.node_id_seq'::regclass);
ALTER TABLE ONLY public.programme ALTER COLUMN id SET DEFAULT nextval('public.programme_id_seq'::regclass);
ALTER TABLE ONLY public.version ALTER COLUMN id SET DEFAULT nextval('public.version_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0003');
INSERT INTO public.delivery VALUES (1, 'f4b9dea65d19', 'answered', 'issues', '2026-11-24 18:05:34.305103+00', '2026-11-24 18:05:34.305103+00');
INSERT INTO public.delivery VALUES (2, 'f4b9dea65d19', 'waiting', 'issues', '2026-11-24 18:05:34.305103+00', NULL);
INSERT INTO public.journal VALUES (1, 'bb848ede7b57', 'f4b9dea65d19', 0, 1, 'M1', 'create', 'milestone', '{"title": {"before": null, "after": "M1 \u2014 Foundations \u201ctief\u201d"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nLay the ground; it''s 100% caf\u00e9.\n\n<!-- milepost:old/M1 -->"}, "due": {"before": null, "after": "2026-11-16"}, "state": {"before": null, "after": "open"}}', '["create", 1, "M1", "milestone", null, {"description": [null, "<!-- milepost:begin -->\nLay the ground; it''s 100% café.\n\n<!-- milepost:old/M1 -->"], "due": [null, "2026-11-16"], "state": [null, "open"], "title": [null, "M1 — Foundations “tief”"]}]', 'done', 'http://127.0.0.1:39273/acme/app/milestone/1', '', 'D434D79189D54BDEA22C', '2026-11-24 18:05:36.733942+00', '2026-11-24 18:05:36.773434+00', 1, '2026-11-24 18:05:36.757525+00');
INSERT INTO public.journal VALUES (2, 'bb848ede7b57', 'f4b9dea65d19', 1, 3, '1A', 'create', 'issue', '{"title": {"before": null, "after": "1A \u2014 Mobilisation"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1A.1 Draft the charter.\n- [ ] 1A.2 Set up the tools.\n<!-- milepost:old/1A -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}', '["create", 3, "1A", "issue", null, {"description": [null, "<!-- milepost:begin -->\n- [ ] 1A.1 Draft the charter.\n- [ ] 1A.2 Set up the tools.\n<!-- milepost:old/1A -->"], "labels": [null, ["epic"]], "milestone": [null, "M1"], "title": [null, "1A — Mobilisation"]}]', 'done', 'http://127.0.0.1:39273/acme/app/issues/1', '', '8546559E3A384151A1CD', '2026-11-24 18:05:36.804584+00', '2026-11-24 18:05:36.835832+00', 1, '2026-11-24 18:05:36.816037+00');
INSERT INTO public.journal VALUES (3, 'bb848ede7b57', 'f4b9dea65d19', 2, 4, '1B', 'create', 'issue', '{"title": {"before": null, "after": "1B \u2014 Blueprint"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1B.1 Draw the plan.\n<!-- milepost:old/1B -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}', '["create", 4, "1B", "issue", null, {"description": [null, "<!-- milepost:begin -->\n- [ ] 1B.1 Draw the plan.\n<!-- milepost:old/1B -->"], "labels": [null, ["epic"]], "milestone": [null, "M1"], "title": [null, "1B — Blueprint"]}]', 'done', 'http://127.0.0.1:39273/acme/app/issues/2', '', '3250550FE1E240F79201', '2026-11-24 18:05:36.865962+00', '2026-11-24 18:05:36.939592+00', 1, '2026-11-24 18:05:36.92893+00');
INSERT INTO public.journal VALUES (4, 'bb848ede7b57', 'f4b9dea65d19', 3, 2, 'M2', 'create', 'milestone', '{"title": {"before": null, "after": "M2 \u2014 Walls"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nBuild up.\n\n<!-- milepost:old/M2 -->"}, "due": {"before": null, "after": "2026-11-30"}, "state": {"before": null, "after": "open"}}', '["create", 2, "M2", "milestone", null, {"description": [null, "<!-- milepost:begin -->\nBuild up.\n\n<!-- milepost:old/M2 -->"], "due": [null, "2026-11-30"], "state": [null, "open"], "title": [null, "M2 — Walls"]}]', 'done', 'http://127.0.0.1:39273/acme/app/milestone/2', '', 'F86718CAD6E94896ACA2', '2026-11-24 18:05:36.959524+00', '2026-11-24 18:05:36.985273+00', 1, '2026-11-24 18:05:36.973643+00');
INSERT INTO public.journal VALUES (5, 'bb848ede7b57', 'f4b9dea65d19', 4, 5, '2A', 'create', 'issue', '{"title": {"before": null, "after": "2A \u2014 Bricks"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 2A.1 Lay bricks.\n<!-- milepost:old/2A -->"}, "milestone": {"before": null, "after": "M2"}, "labels": {"before": null, "after": ["epic"]}}', '["create", 5, "2A", "issue", null, {"description": [null, "<!-- milepost:begin -->\n- [ ] 2A.1 Lay bricks.\n<!-- milepost:old/2A -->"], "labels": [null, ["epic"]], "milestone": [null, "M2"], "title": [null, "2A — Bricks"]}]', 'done', 'http://127.0.0.1:39273/acme/app/issues/3', '', '77D6470E25BB49BCAC8E', '2026-11-24 18:05:37.004927+00', '2026-11-24 18:05:37.030828+00', 1, '2026-11-24 18:05:37.015011+00');
INSERT INTO public.lease VALUES ('f4b9dea65d19', '', 3, '2026-11-24 18:05:44.25806+00', NULL);
INSERT INTO public.link VALUES (1, 'f4b9dea65d19', 1, 'milestone', 'milestone', '1', 1, 'MI_kwDOAAAAAAAAxl1B', 'http://127.0.0.1:39273/acme/app/milestone/1', '{"title": "M1 \u2014 Foundations \u201ctief\u201d", "due": "2026-11-16", "state": "open"}', '{"intro": "Lay the ground; it''s 100% caf\u00e9.", "lines": [], "left": [], "order": 1}', NULL);
INSERT INTO public.link VALUES (2, 'f4b9dea65d19', 3, 'issue', 'item', '1', 1, 'I_kwDOAAAAAADWk6QB', 'http://127.0.0.1:39273/acme/app/issues/1', '{"title": "1A \u2014 Mobilisation", "milestone": 1, "labels": ["epic"]}', '{"intro": "", "lines": [[6, "1A.1", "Draft the charter."], [7, "1A.2", "Set up the tools."]], "left": [], "order": 1}', NULL);
INSERT INTO public.link VALUES (3, 'f4b9dea65d19', 4, 'issue', 'item', '2', 2, 'I_kwDOAAAAAADWk6QC', 'http://127.0.0.1:39273/acme/app/issues/2', '{"title": "1B \u2014 Blueprint", "milestone": 1, "labels": ["epic"]}', '{"intro": "", "lines": [[8, "1B.1", "Draw the plan."]], "left": [], "order": 1}', NULL);
INSERT INTO public.link VALUES (4, 'f4b9dea65d19', 2, 'milestone', 'milestone', '2', 2, 'MI_kwDOAAAAAAAAxl1C', 'http://127.0.0.1:39273/acme/app/milestone/2', '{"title": "M2 \u2014 Walls", "due": "2026-11-30", "state": "open"}', '{"intro": "Build up.", "lines": [], "left": [], "order": 1}', NULL);
INSERT INTO public.link VALUES (5, 'f4b9dea65d19', 5, 'issue', 'item', '3', 3, 'I_kwDOAAAAAADWk6QD', 'http://127.0.0.1:39273/acme/app/issues/3', '{"title": "2A \u2014 Bricks", "milestone": 2, "labels": ["epic"]}', '{"intro": "", "lines": [[9, "2A.1", "Lay bricks."]], "left": [], "order": 1}', NULL);
INSERT INTO public.mirror VALUES (1, 'f4b9dea65d19', 'milestone', '1', 'milestone', 1, 'MI_kwDOAAAAAAAAxl1B', 'http://127.0.0.1:39273/acme/app/milestone/1', 'M1 — Foundations “tief”', '<!-- milepost:begin -->
Lay the ground; it''s 100% café.
<!-- milepost:old/M1 -->', 'open', NULL, NULL, NULL, '[]', NULL, '2026-11-16', '2026-11-24 18:05:36+00', NULL, NULL, '[]', false);
INSERT INTO public.mirror VALUES (4, 'f4b9dea65d19', 'milestone', '2', 'milestone', 2, 'MI_kwDOAAAAAAAAxl1C', 'http://127.0.0.1:39273/acme/app/milestone/2', 'M2 — Walls', '<!-- milepost:begin -->
Build up.
<!-- milepost:old/M2 -->', 'open', NULL, NULL, NULL, '[]', NULL, '2026-11-30', '2026-11-24 18:05:36+00', NULL, NULL, '[]', false);
INSERT INTO public.mirror VALUES (5, 'f4b9dea65d19', 'item', '3', 'issue', 3, 'I_kwDOAAAAAADWk6QD', 'http://127.0.0.1:39273/acme/app/issues/3', '2A — Bricks', '<!-- milepost:begin -->
- [ ] 2A.1 Lay bricks.
<!-- milepost:old/2A -->', 'open', NULL, '2', NULL, '["epic"]', NULL, NULL, '2026-11-24 18:05:37+00', NULL, NULL, '[]', false);
INSERT INTO public.mirror VALUES (6, 'f4b9dea65d19', 'item', '4', 'issue', 4, 'I_kwDOAAAAAADWk6QE', 'http://127.0.0.1:39273/acme/app/issues/4', 'People''s own', '', 'open', NULL, '1', NULL, '[]', NULL, NULL, '2026-11-24 18:05:37+00', NULL, NULL, '[]', false);
INSERT INTO public.mirror VALUES (3, 'f4b9dea65d19', 'item', '2', 'issue', 2, 'I_kwDOAAAAAADWk6QC', 'http://127.0.0.1:39273/acme/app/issues/2', '1B — Blueprint', '<!-- milepost:begin -->
- [ ] 1B.1 Draw the plan.
<!-- milepost:old/1B -->', 'closed', 'completed', '1', NULL, '["epic"]', NULL, NULL, '2026-11-24 18:05:37+00', '2026-11-24 18:05:37+00', NULL, '[]', false);
INSERT INTO public.mirror VALUES (2, 'f4b9dea65d19', 'item', '1', 'issue', 1, 'I_kwDOAAAAAADWk6QB', 'http://127.0.0.1:39273/acme/app/issues/1', '1A — Mobilisation', '<!-- milepost:begin -->
- [x] 1A.1 Draft the charter.
- [ ] 1A.2 Set up the tools.
<!-- milepost:old/1A -->', 'open', NULL, '1', NULL, '["epic"]', NULL, NULL, '2026-11-24 18:05:37+00', NULL, NULL, '[]', false);
INSERT INTO public.node VALUES (1, 1, NULL, 'milestone', 'M1', 0, 'Foundations “tief”', 'Lay the ground; it''s 100% café.', 'Weeks 0–2', '2026-11-02', '2026-11-16', NULL, false, NULL, '[]', '[]', '', 3, NULL);
INSERT INTO public.node VALUES (2, 1, NULL, 'milestone', 'M2', 1, 'Walls', 'Build up.', 'Weeks 2–4', '2026-11-16', '2026-11-30', NULL, false, NULL, '["M1"]', '[]', '', 13, NULL);
INSERT INTO public.node VALUES (3, 1, 1, 'task', '1A', 0, 'Mobilisation', '', NULL, NULL, NULL, 12, false, NULL, '[]', '[]', '', 7, NULL);
INSERT INTO public.node VALUES (5, 1, 2, 'task', '2A', 0, 'Bricks', '', NULL, NULL, NULL, NULL, false, NULL, '[]', '[]', '', 18, NULL);
INSERT INTO public.node VALUES (6, 1, 3, 'step', '1A.1', 0, 'Draft the charter.', '', NULL, NULL, NULL, NULL, false, NULL, '[]', '[]', '', 8, NULL);
INSERT INTO public.node VALUES (7, 1, 3, 'step', '1A.2', 1, 'Set up the tools.', '', NULL, NULL, NULL, NULL, false, NULL, '[]', '[]', '', 9, NULL);
INSERT INTO public.node VALUES (8, 1, 4, 'step', '1B.1', 0, 'Draw the plan.', '', NULL, NULL, NULL, NULL, false, NULL, '[]', '[]', '', 11, NULL);
INSERT INTO public.node VALUES (9, 1, 5, 'step', '2A.1', 0, 'Lay bricks.', '', NULL, NULL, NULL, NULL, false, NULL, '[]', '[]', '', 19, NULL);
INSERT INTO public.node VALUES (4, 1, 1, 'task', '1B', 1, 'The Blueprint', '', NULL, NULL, NULL, NULL, false, NULL, '[]', '[]', '', 10, NULL);
INSERT INTO public.plan VALUES ('0a61e4a6bb6b', 'f4b9dea65d19', '2026-11-24 18:05:36.68206+00', '4add9390a2680b6d0ea4680154d0c5b26f08c3d7c16ae9f3e605c597ec4a5eca', true, false, false, '{"create": 5, "update": 0, "close": 0, "reopen": 0, "adopt": 0, "unchanged": 0, "conflict": 0, "missing": 0}', '{"changes": [{"action": "create", "key": "M1", "shape": "milestone", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "M1 \u2014 Foundations \u201ctief\u201d"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nLay the ground; it''s 100% caf\u00e9.\n\n<!-- milepost:old/M1 -->"}, "due": {"before": null, "after": "2026-11-16"}, "state": {"before": null, "after": "open"}}, "node": 1, "kind": "milestone", "ref": null, "intro": "Lay the ground; it''s 100% caf\u00e9.", "lines": [], "base": {"title": "M1 \u2014 Foundations \u201ctief\u201d", "due": "2026-11-16", "state": "open"}, "forget": false}, {"action": "create", "key": "1A", "shape": "issue", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "1A \u2014 Mobilisation"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1A.1 Draft the charter.\n- [ ] 1A.2 Set up the tools.\n<!-- milepost:old/1A -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}, "node": 3, "kind": "task", "ref": null, "intro": "", "lines": [[6, "1A.1", "Draft the charter."], [7, "1A.2", "Set up the tools."]], "base": {"title": "1A \u2014 Mobilisation", "milestone": "M1", "labels": ["epic"]}, "forget": false}, {"action": "create", "key": "1B", "shape": "issue", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "1B \u2014 Blueprint"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 1B.1 Draw the plan.\n<!-- milepost:old/1B -->"}, "milestone": {"before": null, "after": "M1"}, "labels": {"before": null, "after": ["epic"]}}, "node": 4, "kind": "task", "ref": null, "intro": "", "lines": [[8, "1B.1", "Draw the plan."]], "base": {"title": "1B \u2014 Blueprint", "milestone": "M1", "labels": ["epic"]}, "forget": false}, {"action": "create", "key": "M2", "shape": "milestone", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "M2 \u2014 Walls"}, "description": {"before": null, "after": "<!-- milepost:begin -->\nBuild up.\n\n<!-- milepost:old/M2 -->"}, "due": {"before": null, "after": "2026-11-30"}, "state": {"before": null, "after": "open"}}, "node": 2, "kind": "milestone", "ref": null, "intro": "Build up.", "lines": [], "base": {"title": "M2 \u2014 Walls", "due": "2026-11-30", "state": "open"}, "forget": false}, {"action": "create", "key": "2A", "shape": "issue", "url": null, "reason": "not in the tracker yet", "fields": {"title": {"before": null, "after": "2A \u2014 Bricks"}, "description": {"before": null, "after": "<!-- milepost:begin -->\n- [ ] 2A.1 Lay bricks.\n<!-- milepost:old/2A -->"}, "milestone": {"before": null, "after": "M2"}, "labels": {"before": null, "after": ["epic"]}}, "node": 5, "kind": "task", "ref": null, "intro": "", "lines": [[9, "2A.1", "Lay bricks."]], "base": {"title": "2A \u2014 Bricks", "milestone": "M2", "labels": ["epic"]}, "forget": false}], "drift": [], "degraded": [], "unchanged": 0}', NULL);
INSERT INTO public.plan VALUES ('9cfd0359f361', 'f4b9dea65d19', '2026-11-24 18:05:44.24722+00', 'f97ae4cd350d4fc22ab0eb7356515ec6f8e1a12e088a9948225013857c5b56fa', true, false, false, '{"create": 0, "update": 1, "close": 0, "reopen": 0, "adopt": 0, "unchanged": 4, "conflict": 0, "missing": 0}', '{"changes": [{"action": "update", "key": "1B", "shape": "issue", "url": "http://127.0.0.1:39273/acme/app/issues/2", "reason": "the roadmap asks for another title", "fields": {"title": {"before": "1B \u2014 Blueprint", "after": "1B \u2014 The Blueprint"}}, "node": 4, "kind": "task", "ref": ["issue", "2", 2, "I_kwDOAAAAAADWk6QC", "http://127.0.0.1:39273/acme/app/issues/2"], "intro": "", "lines": [[8, "1B.1", "Draw the plan."]], "base": {"title": "1B \u2014 The Blueprint", "milestone": "M1", "labels": ["epic"]}, "forget": false}], "drift": [], "degraded": [], "unchanged": 4}', NULL);
INSERT INTO public.programme VALUES (1, 'old', 'Upgraded Programme', '2026-11-02', '2026-11-24 18:05:32.279779+00', '2026-11-24 18:05:41.669088+00');
INSERT INTO public.run VALUES ('bb848ede7b57', 'f4b9dea65d19', '0a61e4a6bb6b', 'done', '2026-11-24 18:05:36.703886+00', '2026-11-24 18:05:37.041191+00', 5, 5, 0, 0, '', 'root@vm', 30, false, NULL);
INSERT INTO public.run VALUES ('interrupted0', 'f4b9dea65d19', '9cfd0359f361', 'interrupted', '2026-11-24 18:05:44.24722+00', '2026-11-24 18:05:44.24722+00', 3, 1, 1, 0, 'a 502', 'service', 50.5, false, NULL);
INSERT INTO public.target VALUES ('f4b9dea65d19', 1, 'hub', 'github', 'acme/app', '', 'http://127.0.0.1:39273', 'github', NULL, 'GITHUB_TOKEN', '', NULL, '', NULL, 'HOOK_SECRET', 'active', 300, '{"v": 2, "place": "http://127.0.0.1:39273 acme/app", "since": "2026-11-24T18:04:37Z", "newest": "2026-11-24T18:05:37+00:00", "milestones": ["W/\"2388d2ccb3e60041938eeed17b4f0ba399eb9135cc555435262a49f3071248b1\""], "issues": ""}', '2026-11-24 18:05:44.127413+00', '2026-11-24 18:05:44.127413+00', '', '2026-11-24 18:05:34.305103+00', '', '{"title_max": 256, "description_max": 65536, "start_dates": false, "children": true, "children_max": 100, "epics": false, "strips_title_tags": false, "quick_actions": false, "levels": 8, "types": [], "blockers_max": 50}', NULL);
INSERT INTO public.version VALUES (1, 1, 1, '\x232055706772616465642050726f6772616d6d650a0a232323204d696c6573746f6e65204d3120e2809420466f756e646174696f6e7320e2809c74696566e2809d0a2d202a2a5461726765742057696e646f773a2a2a205765656b732030e28093320a2d202a2a4f626a6563746976653a2a2a204c6179207468652067726f756e643b2069742773203130302520636166c3a92e0a2d202a2a5461736b733a2a2a0a20202d202a2a5461736b20314120e28094204d6f62696c69736174696f6e202831322520636f6d706c657465292a2a0a20202020312e2044726166742074686520636861727465722e0a20202020322e205365742075702074686520746f6f6c732e0a20202d202a2a5461736b20314220e2809420426c75657072696e742a2a0a20202020312e20447261772074686520706c616e2e0a0a232323204d696c6573746f6e65204d3220e280942057616c6c730a2d202a2a5461726765742057696e646f773a2a2a205765656b732032e28093340a2d202a2a4f626a6563746976653a2a2a204275696c642075702e0a2d202a2a446570656e6473206f6e3a2a2a204d310a2d202a2a5461736b733a2a2a0a20202d202a2a5461736b20324120e2809420427269636b732a2a0a20202020312e204c617920627269636b732e0a', '8a8745c51fc9505c2c5791e056a9e5aedab33fd690ff12b4a25c5eedb0f8c978', '2026-11-02', '2026-11-24 18:05:32.279779+00', '{"added": ["M1", "1A", "1A.1", "1A.2", "1B", "1B.1", "M2", "2A", "2A.1"], "removed": [], "renamed": [], "moved": [], "reworded": []}');
INSERT INTO public.version VALUES (2, 1, 2, '\x232055706772616465642050726f6772616d6d650a0a232323204d696c6573746f6e65204d3120e2809420466f756e646174696f6e7320e2809c74696566e2809d0a2d202a2a5461726765742057696e646f773a2a2a205765656b732030e28093320a2d202a2a4f626a6563746976653a2a2a204c6179207468652067726f756e643b2069742773203130302520636166c3a92e0a2d202a2a5461736b733a2a2a0a20202d202a2a5461736b20314120e28094204d6f62696c69736174696f6e202831322520636f6d706c657465292a2a0a20202020312e2044726166742074686520636861727465722e0a20202020322e205365742075702074686520746f6f6c732e0a20202d202a2a5461736b20314220e280942054686520426c75657072696e742a2a0a20202020312e20447261772074686520706c616e2e0a0a232323204d696c6573746f6e65204d3220e280942057616c6c730a2d202a2a5461726765742057696e646f773a2a2a205765656b732032e28093340a2d202a2a4f626a6563746976653a2a2a204275696c642075702e0a2d202a2a446570656e6473206f6e3a2a2a204d310a2d202a2a5461736b733a2a2a0a20202d202a2a5461736b20324120e2809420427269636b732a2a0a20202020312e204c617920627269636b732e0a', '888145f68cd81fd506c087204054d0b793443794a0d2cce0a9e6c067cb05395a', '2026-11-02', '2026-11-24 18:05:41.669088+00', '{"added": [], "removed": [], "renamed": ["1B"], "moved": [], "reworded": []}');
SELECT pg_catalog.setval('public.delivery_id_seq', 2, true);
SELECT pg_catalog.setval('public.journal_id_seq', 5, true);
SELECT pg_catalog.setval('public.link_id_seq', 5, true);
SELECT pg_catalog.setval('public.mirror_id_seq', 6, true);
SELECT pg_catalog.setval('public.node_id_seq', 9, true);
SELECT pg_catalog.setval('public.programme_id_seq', 1, true);
SELECT pg_catalog.setval('public.version_id_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_target_id_delivery_id_key UNIQUE (target_id, delivery_id);
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_run_id_seq_key UNIQUE (run_id, seq);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (target_id);
ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_target_id_family_ref_id_key UNIQUE (target_id, family, ref_id);
ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_target_id_node_id_key UNIQUE (target_id, node_id);
ALTER TABLE ONLY public.mirror
    ADD CONSTRAINT mirror_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mirror
    ADD CONSTRAINT mirror_target_id_family_ref_id_key UNIQUE (target_id, family, ref_id);
ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.programme
    ADD CONSTRAINT programme_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.programme
    ADD CONSTRAINT programme_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.target
    ADD CONSTRAINT target_name_key UNIQUE (name);
ALTER TABLE ONLY public.target
    ADD CONSTRAINT target_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_programme_id_number_key UNIQUE (programme_id, number);
CREATE INDEX ix_journal_target_id ON public.journal USING btree (target_id);
CREATE INDEX ix_link_node_id ON public.link USING btree (node_id);
CREATE INDEX ix_node_parent_id ON public.node USING btree (parent_id);
CREATE INDEX ix_plan_target_id ON public.plan USING btree (target_id);
CREATE INDEX ix_run_target_id ON public.run USING btree (target_id);
CREATE INDEX ix_target_programme_id ON public.target USING btree (programme_id);
CREATE INDEX journal_at ON public.journal USING btree (target_id, at);
CREATE UNIQUE INDEX node_key ON public.node USING btree (programme_id, key) WHERE (archived_at IS NULL);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_node_id_fkey FOREIGN KEY (node_id) REFERENCES public.node(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_node_id_fkey FOREIGN KEY (node_id) REFERENCES public.node(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.mirror
    ADD CONSTRAINT mirror_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.node(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_programme_id_fkey FOREIGN KEY (programme_id) REFERENCES public.programme(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.target(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.target
    ADD CONSTRAINT target_programme_id_fkey FOREIGN KEY (programme_id) REFERENCES public.programme(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_programme_id_fkey FOREIGN KEY (programme_id) REFERENCES public.programme(id) ON DELETE CASCADE;
