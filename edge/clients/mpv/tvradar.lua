-- tvradar for mpv: a key shows who is on screen, with names on the faces and cards beside them.
--
--   mpv --script=tvradar.lua film.mp4        n: who is it?    N: names on the faces, always
--
-- What is shown comes from the film's sidecar (film.tvradar.json, `tvradar identify film.mp4
-- --sidecar`); where there is none, from the running service, which is asked what it sees.
-- Options, in script-opts/tvradar.conf or --script-opts=tvradar-…=…: see `opts` below.

local mp = require "mp"
local utils = require "mp.utils"
local msg = require "mp.msg"

local opts = {
    key = "n",                      -- who is it?
    key_always = "N",               -- names on the faces, always
    seconds = 8,                    -- how long an answer stays
    look_back = 2,                  -- somebody who went so many seconds ago is shown too
    url = "http://127.0.0.1:8787",  -- the running service; empty for none
    token_file = "",                -- with the service's token, where it needs one
    lang = "en",                    -- of names that the service tells
}
require "mp.options".read_options(opts, "tvradar")

local MOST_CARDS = 5
local TOLD_WORKS = 3

local sidecar, people = nil, {}
local osd = mp.create_osd_overlay("ass-events")
local until_s, always, pressed_at = 0, false, nil
local answer = nil -- of the service
local asked = 0    -- which question to the service is the newest

-- Text of others may not command the OSD: ASS reads braces and backslashes.
local function ass(text)
    text = tostring(text or ""):gsub("[%c]", " ")
    return (text:gsub("\\", "\\\239\187\191"):gsub("{", "\\{"):gsub("}", "\\}"))
end

-- The first `most` columns of a text, and how many it has; Chinese and its neighbours take two.
local function cut(text, most)
    local out, columns = {}, 0
    for char in tostring(text or ""):gmatch("[%z\1-\127\194-\244][\128-\191]*") do
        columns = columns + (#char >= 3 and 2 or 1)
        if columns > most then
            out[#out + 1] = "…"
            break
        end
        out[#out + 1] = char
    end
    return table.concat(out), math.min(columns, most)
end

local function sidecar_path(path)
    if path:find("^%a[%w+.-]*://") then return nil end
    local folder, name = utils.split_path(path)
    local stem, ending = name:match("^(.+)%.(%w+)$")
    if not stem or #ending > 5 then stem = name end
    return utils.join_path(utils.join_path(mp.get_property("working-directory", ""), folder),
        stem .. ".tvradar.json")
end

local function load_sidecar()
    sidecar, people, answer, until_s, always = nil, {}, nil, 0, false
    local path = sidecar_path(mp.get_property("path", ""))
    local file = path and io.open(path, "rb")
    if not file then return end
    local found, problem = utils.parse_json(file:read("*a"))
    file:close()
    if type(found) ~= "table" or found.format ~= "tvradar-sidecar" then
        msg.error(path .. ": no sidecar of tvradar; make it again: tvradar identify FILM --sidecar ("
            .. tostring(problem) .. ")")
        return
    end
    if found.version ~= 1 then
        msg.error(path .. ": version " .. tostring(found.version) .. ", expected 1")
        return
    end
    sidecar = found
    for _, person in ipairs(found.people) do people[person.id] = person end
    msg.info(#found.people .. " people, " .. #found.tracks .. " faces in " .. path)
end

-- Left, top, right, bottom of a track at a time, as shares of the picture.
local function box_at(track, time_s)
    local boxes = track.boxes
    local low, high = 1, #boxes
    while low < high do -- the last box that is not later
        local middle = math.floor((low + high + 1) / 2)
        if boxes[middle][1] <= time_s then low = middle else high = middle - 1 end
    end
    local a, b = boxes[low], boxes[low + 1]
    if not b or time_s <= a[1] then return a[2], a[3], a[4], a[5] end
    local share = (time_s - a[1]) / (b[1] - a[1])
    local function mix(n) return a[n] + share * (b[n] - a[n]) end
    return mix(2), mix(3), mix(4), mix(5)
end

local function name_of(ids)
    local names = {}
    for _, id in ipairs(ids) do names[#names + 1] = people[id] and people[id].name or id end
    return table.concat(names, mp.get_property("slang") == "zh" and "或" or " or ")
end

-- The faces at a time: who, and where.
local function faces_at(time_s)
    local found = {}
    for _, track in ipairs(sidecar and sidecar.tracks or {}) do
        if track.start_s > time_s + 0.001 then break end
        if time_s < track.end_s then
            found[#found + 1] = { name = name_of(track.ids), box = { box_at(track, time_s) } }
        end
    end
    return found
end

-- The cards for a press: who is there or has just gone; who is there stands first.
local function cards_at(time_s)
    local found, seen = {}, {}
    local function take(from_s, to_s)
        for _, track in ipairs(sidecar.tracks) do
            if track.start_s > to_s then break end
            if track.end_s > from_s and #track.ids == 1 and not seen[track.ids[1]] then
                seen[track.ids[1]] = true
                found[#found + 1] = people[track.ids[1]]
            end
        end
    end
    take(time_s, time_s + 0.001)
    take(time_s - opts.look_back, time_s)
    return found
end

local function rectangle(x, y, width, height, style)
    return string.format("{\\an7\\pos(0,0)%s\\p1}m %d %d l %d %d %d %d %d %d{\\p0}", style,
        x, y, x + width, y, x + width, y + height, x, y + height)
end

local function draw_faces(lines, faces, size, unit)
    local left, top = size.ml or 0, size.mt or 0
    local width, height = size.w - left - (size.mr or 0), size.h - top - (size.mb or 0)
    for _, face in ipairs(faces) do
        local x, y = left + face.box[1] * width, top + face.box[2] * height
        local right, bottom = left + face.box[3] * width, top + face.box[4] * height
        lines[#lines + 1] = rectangle(x, y, right - x, bottom - y,
            "\\1a&HFF&\\bord2\\3c&HE0C050&\\shad0")
        local above = y > 1.6 * unit
        local name, columns = cut(face.name, 40)
        -- A name that would leave the screen begins or ends at its edge.
        local at, align, half = (x + right) / 2, above and 2 or 8, 0.3 * unit * columns
        if at - half < 8 then
            at, align = 8, align - 1
        elseif at + half > size.w - 8 then
            at, align = size.w - 8, align + 1
        end
        lines[#lines + 1] = string.format(
            "{\\an%d\\pos(%d,%d)\\fs%d\\b1\\bord3\\1c&HFFFFFF&\\3c&H302010&\\q2}%s",
            align, at, above and y - 4 or bottom + 4, unit, ass(name))
    end
end

local function card_lines(person)
    local lines = { "{\\b1}" .. ass(cut(person.name, 30)) .. "{\\b0}" }
    if (person.role or "") ~= "" then lines[#lines + 1] = ass(cut(person.role, 36)) end
    for n, work in ipairs(person.works or {}) do
        if n > TOLD_WORKS then break end
        local year = type(work.year) == "number" and string.format(" (%d)", work.year) or ""
        local role = (work.role or "") ~= "" and ": " .. work.role or ""
        lines[#lines + 1] = "{\\fs%d}" .. ass(cut(work.title .. year .. role, 44))
    end
    return lines
end

-- From the bottom up: faces are mostly in the upper half.
local function draw_cards(lines, cards, size, unit)
    local x, y, width = size.w - 17 * unit, size.h - 1.2 * unit, 16 * unit
    for n = math.min(#cards, MOST_CARDS), 1, -1 do
        local texts = card_lines(cards[n])
        local height = (1.2 * #texts + 0.6) * unit
        y = y - height
        if y < 0 then break end
        lines[#lines + 1] = rectangle(x, y, width, height,
            "\\1c&H201810&\\1a&H38&\\bord0\\shad0")
        for i, text in ipairs(texts) do
            local small = string.format("\\fs%d", 0.82 * unit)
            lines[#lines + 1] = string.format(
                "{\\an7\\pos(%d,%d)\\fs%d\\bord0\\shad0\\1c&HFFFFFF&\\q2}%s", x + 0.5 * unit,
                y + (0.3 + 1.2 * (i - 1)) * unit, unit, (text:gsub("\\fs%%d", small)))
        end
        y = y - 0.4 * unit
    end
end

local function draw()
    local size = mp.get_property_native("osd-dimensions")
    local time_s = mp.get_property_number("time-pos")
    local asked_for = mp.get_time() < until_s
    if not (asked_for or always) or not size or size.w == 0 or not time_s then
        osd:remove()
        return
    end
    local unit = math.max(14, math.floor(size.h / 28))
    local lines = {}
    draw_faces(lines, answer and answer.faces or faces_at(time_s), size, unit)
    if asked_for then
        draw_cards(lines, answer and answer.cards or cards_at(pressed_at or time_s), size, unit)
    end
    osd.res_x, osd.res_y, osd.data = size.w, size.h, table.concat(lines, "\n")
    osd:update()
end

local function show(what)
    until_s = mp.get_time() + opts.seconds
    msg.info("shown: " .. what)
    draw()
    mp.add_timeout(opts.seconds + 0.05, draw)
end

local function names(cards)
    local found = {}
    for _, person in ipairs(cards) do found[#found + 1] = person.name end
    return #found > 0 and table.concat(found, ", ") or "nobody"
end

-- The service's token goes to curl by its standard input: a command line is everybody's to read.
local function curl(path, data, done)
    local config = {
        "silent", "fail", "max-time = 3", 'url = "' .. opts.url .. path .. '"',
    }
    if data then
        config[#config + 1] = 'data = "' .. data .. '"'
        config[#config + 1] = 'header = "Content-Type: application/json"'
    end
    local file = opts.token_file ~= "" and io.open(opts.token_file, "r")
    if file then
        config[#config + 1] = 'header = "Authorization: Bearer ' .. file:read("*l") .. '"'
        file:close()
    end
    mp.command_native_async({
        name = "subprocess", args = { "curl", "--config", "-" }, capture_stdout = true,
        stdin_data = table.concat(config, "\n") .. "\n", playback_only = false,
    }, function(ran, result)
        done(ran and result.status == 0 and utils.parse_json(result.stdout) or nil)
    end)
end

local function in_language(texts)
    if type(texts) ~= "table" then return texts or "" end
    return texts[opts.lang] or texts.en or select(2, next(texts)) or ""
end

-- An answer's person as a face, and as a card once the service has told the rest.
local function take_person(found, person, size, question)
    local b, w, h = person.box, size[1], size[2]
    local name = in_language(person.names)
    if person.present == "now" then
        found.faces[#found.faces + 1] =
            { name = name, box = { b[1] / w, b[2] / h, b[3] / w, b[4] / h } }
    end
    local card = { id = person.id, name = name, role = in_language(person.role), works = {} }
    found.cards[#found.cards + 1] = card
    local id = person.id:gsub("[^%w._-]", function(c) return string.format("%%%02X", c:byte()) end)
    curl("/api/people/" .. id, nil, function(told)
        if not told or question ~= asked then return end
        for _, work in ipairs(told.works or {}) do
            card.works[#card.works + 1] =
                { title = in_language(work.title), year = work.year, role = work.role }
        end
        draw()
    end)
end

local function ask_service()
    asked = asked + 1
    local question = asked
    curl("/api/press", "{}", function(told)
        if question ~= asked then return end
        if not told then
            mp.osd_message("tvradar: no sidecar beside this film, and no service at " .. opts.url, 4)
            msg.warn("no sidecar, and " .. opts.url .. " did not answer")
            return
        end
        answer = { faces = {}, cards = {} }
        for _, person in ipairs(told.people) do
            take_person(answer, person, told.size, question)
        end
        show(names(answer.cards))
    end)
end

local function press()
    if mp.get_time() < until_s then
        until_s, answer = 0, nil
        draw()
    elseif sidecar then
        pressed_at = mp.get_property_number("time-pos", 0)
        show(names(cards_at(pressed_at)))
    elseif opts.url ~= "" then
        ask_service()
    else
        mp.osd_message("tvradar: no sidecar beside this film", 4)
    end
end

local function toggle()
    always = not always and sidecar ~= nil
    mp.osd_message(sidecar and ("names: " .. (always and "on" or "off"))
        or "tvradar: no sidecar beside this film")
    draw()
end

mp.add_key_binding(opts.key, "press", press)
mp.add_key_binding(opts.key_always, "names", toggle)
mp.register_event("file-loaded", load_sidecar)
mp.observe_property("time-pos", "number", function()
    if always or until_s > 0 then draw() end
end)
mp.observe_property("osd-dimensions", "native", function()
    if always or until_s > 0 then draw() end
end)
