-- What every rolloutd did with its targets' traffic, kept for ever.

CREATE TABLE registry.decision (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of arrival
        region text COLLATE "C" NOT NULL,
        target text COLLATE "C" NOT NULL,
        number bigint NOT NULL CHECK (number > 0),
        at timestamptz NOT NULL,
        model text COLLATE "C" NOT NULL,
        epoch bigint NOT NULL,
        reason text NOT NULL,
        event json NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        received_by text NOT NULL,
        -- A target that is deleted and made again counts from 1 again, at another time.
        UNIQUE (region, target, number, at)
);
CREATE INDEX decision_target ON registry.decision (target, id);
CREATE INDEX decision_model ON registry.decision (model, id);

CREATE FUNCTION registry.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
        RAISE EXCEPTION 'rows of %.% are kept as they are', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER decision_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.decision
        FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_change();
ALTER TABLE registry.decision ENABLE ALWAYS TRIGGER decision_is_kept;
