-- line.sql: what a line of a ticket comes to.

-- A missing PR is 0, and a missing Q is 0 as well, not 1: SambaPOS leaves out what is zero. Broken JSON: nothing can be
-- added up; json_problems counts it.
CREATE FUNCTION sambapos._order_tags_price(order_tags text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  tags jsonb;
  total numeric := 0;
BEGIN
  IF order_tags IS NULL OR order_tags IN ('', '[]') THEN
    RETURN 0;
  END IF;
  tags := sambapos._safe_json(order_tags);
  IF jsonb_typeof(tags) IS DISTINCT FROM 'array' THEN
    RETURN 0;
  END IF;
  FOR n IN 0 .. jsonb_array_length(tags) - 1 LOOP
    IF jsonb_typeof(tags -> n -> 'PR') = 'number' AND jsonb_typeof(tags -> n -> 'Q') = 'number' THEN
      total := total + (tags -> n -> 'PR')::numeric * (tags -> n -> 'Q')::numeric;
    END IF;
  END LOOP;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION sambapos._order_tags_price(text) IS
  'What the modifiers of a line add to the price of one, in the site''s currency';

-- Flags: TF, no tax on it; AP, shown within the price. One that is left out is false.
CREATE FUNCTION sambapos._order_tags_price_of(order_tags text, flag text, value boolean) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT coalesce(sum(sambapos._json_number(e.value -> 'PR') * sambapos._json_number(e.value -> 'Q')), 0)
          FROM sambapos._json_elements(order_tags) AS e
          WHERE e.unread IS NULL
            AND coalesce(e.value -> flag = 'true'::jsonb, false) = _order_tags_price_of.value);
END;
$$;
COMMENT ON FUNCTION sambapos._order_tags_price_of(text, text, boolean) IS
  'What those modifiers of a line add to the price of one that have a flag, or have it not';

-- As .NET rounds a decimal.
CREATE FUNCTION sambapos._round_half_even(amount numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN abs(amount * 100 - trunc(amount * 100)) = 0.5 THEN 2 * round(amount * 50) / 100
              ELSE round(amount, 2) END;
END;
$$;
COMMENT ON FUNCTION sambapos._round_half_even(numeric) IS 'Rounded to cents, a half to the even one';

-- How long a timed product ran, in its unit: whole units of time_rounding, at least min_time. One that still runs is
-- priced as if it was stopped now; where nobody says when that is, as if it was stopped at once.
CREATE FUNCTION sambapos._timer_price(unit_price numeric, price_type integer, price_duration numeric, min_time numeric,
                                      time_rounding numeric, began timestamp, ended timestamp, now_there timestamp)
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  seconds numeric := extract(epoch FROM CASE WHEN ended <> began THEN ended ELSE coalesce(now_there, began) END - began);
  units numeric := seconds / CASE price_type WHEN 2 THEN 86400 WHEN 1 THEN 3600 ELSE 60 END;
  price numeric;
BEGIN
  IF unit_price = 0 OR price_duration = 0 THEN
    RETURN 0;
  ELSIF units < min_time THEN
    units := min_time;
  ELSIF time_rounding > 0 AND units <> time_rounding THEN
    units := (trunc(units / time_rounding) + 1) * time_rounding;
  END IF;
  price := unit_price / price_duration * units;
  RETURN sambapos._round_half_even(price);
END;
$$;
COMMENT ON FUNCTION sambapos._timer_price(numeric, integer, numeric, numeric, numeric, timestamp, timestamp,
                                          timestamp) IS
  'The price of a timed product as SambaPOS 3 computes it: unit price and modifiers by the time it ran';

-- In any group, whatever the case. Broken JSON is looked through as text.
CREATE FUNCTION sambapos._order_has_state(order_states text, state text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted text := sambapos._text_fold(state);
  states jsonb;
BEGIN
  IF order_states IS NULL OR order_states IN ('', '[]') THEN
    RETURN false;
  END IF;
  states := sambapos._safe_json(order_states);
  IF jsonb_typeof(states) IS DISTINCT FROM 'array' THEN
    RETURN strpos(sambapos._text_fold(order_states), '"s":"' || wanted || '"') > 0;
  END IF;
  FOR n IN 0 .. jsonb_array_length(states) - 1 LOOP
    IF rtrim(lower((states -> n ->> 'S') COLLATE pg_catalog."und-x-icu")) = wanted THEN -- _text_fold
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._order_has_state(text, text) IS 'True if an order has a state of that name, in any group';

CREATE FUNCTION sambapos._order_reason(order_states text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT e.value ->> 'SV' FROM sambapos._json_elements(order_states) AS e
          WHERE btrim(e.value ->> 'SV') <> '' ORDER BY e.n LIMIT 1);
END;
$$;
COMMENT ON FUNCTION sambapos._order_reason(text) IS 'What the waiter gave as the reason of a void or a gift; NULL: nothing';
