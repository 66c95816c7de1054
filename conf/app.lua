-- What Perigee answers: a handler, called once for each request. `perigee check` says whether it is well,
-- `perigee reload` puts it in force; requests under way finish with the old one.
-- More to start from: /usr/share/perigee/scripts; the manual: /usr/share/doc/perigee/docs.
return function(stream, headers)
  stream:respond { [":status"] = 200, ["content-type"] = "text/plain; charset=utf-8" }
  stream:finish("Perigee works: " .. headers[":path"] .. "\n")
end
