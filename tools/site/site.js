// The site's search, its theme, its menu.  All of it works from a disk, too.
// SPDX-License-Identifier: Apache-2.0
"use strict";
(function () {
    const root = document.currentScript.dataset.root;
    const page = document.documentElement;
    const one = (selector) => document.querySelector(selector);
    page.classList.add("scripts");
    for (const each of document.querySelectorAll(".bar [hidden]:not(.found)")) each.hidden = false;

    // --- light or dark: what the system has, until somebody says otherwise ---
    one(".theme").addEventListener("click", () => {
        const dark = page.dataset.theme
            ? page.dataset.theme === "dark"
            : matchMedia("(prefers-color-scheme: dark)").matches;
        page.dataset.theme = dark ? "light" : "dark";
        localStorage.setItem("weir-theme", page.dataset.theme);
    });

    // --- the menu, on a phone ---
    const menu = one(".menu");
    menu.addEventListener("click", () => {
        menu.setAttribute("aria-expanded", page.classList.toggle("menu-open"));
    });
    const current = one("nav.site a[aria-current]");
    if (current) {
        const nav = one("nav.site");
        nav.scrollTop = Math.max(0, current.offsetTop - nav.clientHeight / 2);
    }

    // --- code is copied as it stands ---
    document.querySelectorAll(".code").forEach((block) => {
        const button = document.createElement("button");
        button.textContent = "copy";
        button.addEventListener("click", () => {
            const select = getSelection();
            select.selectAllChildren(block.querySelector("code"));
            document.execCommand("copy"); // the newer way is not there for files
            select.removeAllRanges();
            button.textContent = "copied";
            setTimeout(() => { button.textContent = "copy"; }, 1500);
        });
        block.append(button);
    });

    // --- which part of the page is read ---
    const links = new Map([...document.querySelectorAll("nav.contents a")]
        .map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
    if (links.size) {
        const parts = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
        let now = null;
        const follow = () => {
            let last = parts[0];
            for (const part of parts) {
                if (part.getBoundingClientRect().top > 120) break;
                last = part;
            }
            if (last === now) return;
            if (now) links.get(now.id).classList.remove("now");
            now = last;
            links.get(now.id).classList.add("now");
        };
        addEventListener("scroll", follow, {passive: true});
        follow();
    }

    // --- the search: all of the index is looked through, which takes some milliseconds ---
    const input = one(".search input"), found = one(".found");
    const MOST = 25;
    let rows = null, chosen = -1;
    window.weirIndex = (loaded) => {
        rows = loaded.map(([url, title, where, text]) => ({
            url, title, where, text,
            low: title.toLowerCase(), lowWhere: where.toLowerCase(), lowText: text.toLowerCase(),
        }));
        search();
    };
    const load = () => {
        if (rows || one("script[data-index]")) return;
        const script = document.createElement("script");
        script.dataset.index = "";
        script.src = root + "site/search.js";
        document.head.append(script);
    };

    const wordBegins = (text, at) => at === 0 || !/[a-z0-9]/.test(text[at - 1]);
    const worth = (row, term) => {
        let sum = 0;
        let at = row.low.indexOf(term);
        if (row.low === term || row.low.split(/[^\w.]+/).includes(term)) sum += 60;
        else if (at >= 0) sum += wordBegins(row.low, at) ? 30 : 12;
        if (row.lowWhere.includes(term)) sum += 6;
        at = row.lowText.indexOf(term);
        if (at >= 0) sum += wordBegins(row.lowText, at) ? 5 : 1;
        return sum;
    };
    const rank = (row, terms) => {
        let sum = 0;
        for (const term of terms) {
            const each = worth(row, term);
            if (!each) return 0;
            sum += each;
        }
        if (row.url.startsWith("source/")) return sum / 3;
        if (/^docs\/(guide|connect)/.test(row.url)) return sum * 1.5;
        if (/^(docs\/(decisions|benchmarks)\/|CHANGELOG)/.test(row.url)) return sum * 0.7;
        return row.title.startsWith("WEIR_") ? sum * 0.6 : sum;
    };
    const text = (parent, tag, content, terms) => {
        const element = document.createElement(tag);
        if (!terms) element.textContent = content;
        else {
            const pattern = new RegExp("(" + terms.map((term) =>
                term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") + ")", "ig");
            content.split(pattern).forEach((piece, i) => {
                element.append(i % 2 ? Object.assign(document.createElement("mark"),
                    {textContent: piece}) : piece);
            });
        }
        parent.append(element);
    };
    const around = (row, terms) => {
        const places = terms.map((term) => row.lowText.indexOf(term)).filter((at) => at >= 0);
        const begin = Math.max(0, Math.min(...places, row.text.length) - 60);
        return (begin ? "… " : "") + row.text.slice(places.length ? begin : 0).slice(0, 180);
    };
    function search() {
        const terms = input.value.toLowerCase().split(/[\s()]+/).filter(Boolean);
        found.hidden = terms.length === 0;
        found.replaceChildren();
        chosen = -1;
        if (!terms.length) return;
        if (!rows) return void text(found, "p", "One moment …");
        const best = rows.map((row) => [rank(row, terms), row]).filter(([sum]) => sum > 0)
            .sort((a, b) => b[0] - a[0]);
        for (const [, row] of best.slice(0, MOST)) {
            const link = document.createElement("a");
            link.href = root + row.url;
            link.setAttribute("role", "option");
            text(link, "b", row.title, terms);
            if (row.where) text(link, "i", row.where);
            text(link, "span", around(row, terms), terms);
            found.append(link);
        }
        if (!best.length) text(found, "p", "Nothing: all words have to be in one part of a page.");
        if (best.length > MOST) text(found, "p", `${best.length - MOST} more: say another word`);
    }
    const choose = (step) => {
        const all = [...found.querySelectorAll("a")];
        if (!all.length) return;
        if (chosen >= 0) all[chosen].removeAttribute("aria-selected");
        chosen = (chosen + step + all.length + (chosen < 0 && step < 0 ? 1 : 0)) % all.length;
        all[chosen].setAttribute("aria-selected", "true");
        all[chosen].scrollIntoView({block: "nearest"});
    };
    const close = () => { found.hidden = true; };
    input.addEventListener("focus", () => { load(); search(); });
    input.addEventListener("input", () => { load(); search(); });
    input.addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            choose(event.key === "ArrowDown" ? 1 : -1);
            event.preventDefault();
        } else if (event.key === "Enter") {
            const all = found.querySelectorAll("a");
            if (all.length) { all[Math.max(chosen, 0)].click(); close(); }
        } else if (event.key === "Escape") {
            close();
            input.blur();
        }
    });
    found.addEventListener("click", close);
    document.addEventListener("click", (event) => {
        if (!event.target.closest(".search")) close();
    });
    document.addEventListener("keydown", (event) => {
        if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey ||
            /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
        event.preventDefault();
        input.focus();
        input.select();
    });
    const asked = new URLSearchParams(location.search).get("q"); // a link may bring a question
    if (asked) {
        input.value = asked;
        load();
        search();
    }
})();
