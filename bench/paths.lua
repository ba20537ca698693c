-- wrk: asks for the addresses of the file $PATHS in turn, and ends with one line of JSON; with $THINK_MS, each connection
-- waits for about so long before it asks
local ready, last = {}, 0
local think = tonumber(os.getenv("THINK_MS") or "0")

if think > 0 then
  function delay()
    return math.random(0, 2 * think)
  end
end

function init(_)
  for path in io.lines(os.getenv("PATHS")) do
    ready[#ready + 1] = wrk.format("GET", path)
  end
end

function request()
  last = last % #ready + 1
  return ready[last]
end

function done(summary, latency, _)
  local wrong = summary.errors
  io.write(string.format(
    'MEASURED {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong.status, wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
