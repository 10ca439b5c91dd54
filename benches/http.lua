-- Posts one signed body, for benches/http.rs: wrk … -- BODY_FILE HEADER_NAME HEADER_VALUE

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["content-type"] = "application/json"
  wrk.headers[args[2]] = args[3]
  file:close()
end

-- The last line: requests, microseconds, and requests that failed.
function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("%d %d %d", summary.requests, summary.duration, failed))
end
