# The Ruby clients: net-http, http.rb, excon and httparty. The interface is described in client.py.

require "json"
require "openssl"
require "stringio"
require "uri"

def prepare(job)
  body = job["text"] || JSON.generate(job["body"])
  body = body.b.ljust(job["pad_to"] || 0)
  headers = { "Content-Type" => "application/json" }.merge(job["headers"])
  if (sign = job["sign"])
    headers[sign["header"]] = sign["prefix"] + OpenSSL::HMAC.hexdigest("SHA256", sign["secret"], body)
  end
  [body, headers]
end

def streamed?(job) = job.key?("pause") || job.key?("chunked")

# Reads like a file that has nothing to give for the time of the pause.
class Late
  def initialize(job, body)
    @pause = job["pause"] || 0
    @body = StringIO.new(body)
  end

  def readpartial(length, buffer = +"")
    sleep(@pause)
    @pause = 0
    @body.readpartial(length, buffer)
  end
end

def net_http
  require "net/http"
  connections = {}
  lambda do |job|
    body, headers = prepare(job)
    uri = URI(job["url"])
    request = Net::HTTP::Post.new(uri, headers)
    if streamed?(job)
      request.body_stream = Late.new(job, body)
      job["chunked"] ? request["Transfer-Encoding"] = "chunked" : request.content_length = body.bytesize
    else
      request.body = body
    end
    connection = (connections[uri.port] ||= Net::HTTP.new(uri.host, uri.port).tap do |http|
      http.max_retries = 0
      http.read_timeout = 30
    end)
    connection.start unless connection.started?
    begin
      response = connection.request(request)
    rescue StandardError
      connection.finish if connection.started?
      raise
    end
    [response.code.to_i, response.body.to_s]
  end
end

def http_rb
  require "http"
  client = nil
  lambda do |job|
    body, headers = prepare(job)
    uri = URI(job["url"])
    client ||= HTTP.persistent("http://#{uri.host}:#{uri.port}").timeout(30)
    response = client.headers(headers).post(uri.request_uri, body: body)
    [response.code, response.to_s]
  end
end

def excon
  require "excon"
  client = nil
  lambda do |job|
    body, headers = prepare(job)
    uri = URI(job["url"])
    client ||= Excon.new("http://#{uri.host}:#{uri.port}", persistent: true, read_timeout: 30)
    options = { path: uri.path, query: uri.query, headers: headers }
    if job.key?("chunked")
      source = Late.new(job, body)
      options[:request_block] = lambda do
        source.readpartial(16_384)
      rescue EOFError
        ""
      end
    else
      options[:body] = body
    end
    response = client.post(options)
    [response.status, response.body]
  end
end

def httparty
  require "httparty"
  lambda do |job|
    body, headers = prepare(job)
    response = HTTParty.post(job["url"], body: body, headers: headers, timeout: 30, format: :plain)
    [response.code, response.body.to_s]
  end
end

library, file = ARGV
send_job = method(library.tr("-.", "__")).call
$stdout.sync = true
JSON.parse(File.read(file)).each do |job|
  result =
    begin
      status, body = send_job.call(job)
      { "status" => status, "body" => body.dup.force_encoding("BINARY").encode("UTF-8", undef: :replace) }
    rescue StandardError => e
      { "error" => "#{e.class}: #{e.message}" }
    end
  puts JSON.generate({ "id" => job["id"] }.merge(result))
end
