-- step.sql: what a run does after its start, step by step. Whoever runs it commits between the steps, or does not.

-- NULL: the run is over; end: it has merged, and whoever runs it ends it in the same transaction. Its statements are
-- planned anew each time, most of them for few rows: to compile one takes longer than to run it.
CREATE FUNCTION sambapos._run_step(run_id bigint, place sambapos._place, step text) RETURNS text
LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  step_after text;
BEGIN
  CASE step
    WHEN 'read' THEN
      step_after := sambapos._read_all(run_id, place);
      UPDATE sambapos.run AS r SET phase = 'merging' WHERE r.run_id = _run_step.run_id AND step_after = 'merge';
      RETURN step_after;
    WHEN 'follow' THEN
      RETURN CASE WHEN sambapos._drift_follow_next(run_id, place) THEN 'follow' ELSE 'read' END;
    WHEN 'merge' THEN
      PERFORM sambapos._merge_all(run_id, place);
      RETURN 'end';
  END CASE;
END;
$$;
COMMENT ON FUNCTION sambapos._run_step(bigint, sambapos._place, text) IS
  'One step of a run: read, follow (one table whose columns have changed) or merge; returns the next one';

-- All steps in one transaction.
CREATE FUNCTION sambapos._run_steps(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  step text := 'read';
BEGIN
  WHILE step <> 'end' LOOP
    step := sambapos._run_step(run_id, place, step);
  END LOOP;
  RETURN step IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._run_steps(bigint, sambapos._place) IS
  'Reads and merges; false: nothing was new, and the run is over';
