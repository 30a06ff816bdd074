//! Lines as a public web site logged them, but for the addresses
//! (elastic/examples, "Common Data Formats", `apache_logs`, Apache-2.0).

/// One of each kind.
pub(super) const REAL_LINES: &[&str] = &[
    r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /presentations/logstash-monitorama-2013/images/kibana-search.png HTTP/1.1" 200 203023 "http://semicomplete.com/presentations/logstash-monitorama-2013/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36""#,
    r#"192.0.2.2 - - [17/May/2015:11:05:17 +0000] "GET /projects/xdotool/xdotool.xhtml HTTP/1.1" 304 - "-" "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)""#,
    r#"192.0.2.3 - - [17/May/2015:11:05:58 +0000] "GET /presentations/logstash-1/ HTTP/1.1" 304 - "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#,
    r#"192.0.2.4 - - [17/May/2015:16:05:27 +0000] "HEAD /projects/xdotool/ HTTP/1.1" 200 - "-" "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:24.0) Gecko/20100101 Firefox/24.0""#,
    r#"192.0.2.5 - - [17/May/2015:16:05:51 +0000] "HEAD /blog/geekery/freebsd-ports-master-sites-sorting.html HTTP/1.1" 200 - "-" "distilator/0.1 (http://people.freebsd.org/~ehaupt/distilator/)""#,
    r#"192.0.2.6 - - [19/May/2015:04:05:16 +0000] "POST /blog/geekery/xvfb-firefox HTTP/1.0" 200 10975 "http://zoomq.qiniudn.com/ZQScrapBook/ZqFLOSS/data/20110811235550/" "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.11 (KHTML, like Gecko) Chrome/23.0.1271.91 Safari/537.11""#,
    r#"192.0.2.7 - - [19/May/2015:09:05:53 +0000] "POST /blog/geekery/pyblosxom-mdate-vim-hack.html/trackback/ HTTP/1.1" 404 7861 "http://www.semicomplete.com/blog/geekery/pyblosxom-mdate-vim-hack.html" "-""#,
    r#"192.0.2.8 - - [20/May/2015:14:05:16 +0000] "OPTIONS /projects/xdotool/ HTTP/1.1" 500 626 "-" "Microsoft Office Protocol Discovery""#,
    r#"192.0.2.9 - - [17/May/2015:10:05:22 +0000] "GET /doc/index.html?org/elasticsearch/action/search/SearchResponse.html HTTP/1.1" 404 294 "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#,
    r#"192.0.2.10 - - [17/May/2015:11:05:05 +0000] "GET /files/logstash/logstash-1.3.2-monolithic.jar HTTP/1.1" 404 324 "-" "Chef Client/10.18.2 (ruby-1.9.3-p327; ohai-6.16.0; x86_64-linux; +http://opscode.com)""#,
    r#"192.0.2.11 - - [18/May/2015:03:05:34 +0000] "GET /misc/Title.php.txt HTTP/1.1" 500 - "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#,
    r#"192.0.2.12 - - [18/May/2015:15:05:42 +0000] "GET /misc/Title.php.txt HTTP/1.1" 500 - "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#,
    r#"192.0.2.13 - - [17/May/2015:14:05:30 +0000] "GET /presentations/logstash-puppetconf-2012/images/apache-negative-duration.png HTTP/1.1" 206 97173 "-" "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)""#,
    r#"192.0.2.14 - - [19/May/2015:06:05:17 +0000] "GET /files/xdotool/xdotool-2.20101014.3063.tar.gz HTTP/1.1" 416 400 "-" "Wget/1.14 (linux-gnu)""#,
    r#"192.0.2.15 - - [17/May/2015:11:05:47 +0000] "GET /projects/xdotool HTTP/1.1" 301 339 "http://tuxradar.com/content/xdotool-script-your-mouse" "Mozilla/5.0 (X11; Linux x86_64; rv:26.0) Gecko/20100101 Firefox/26.0""#,
    r#"192.0.2.16 - - [17/May/2015:10:05:10 +0000] "GET /blog/tags/puppet?flav=rss20 HTTP/1.1" 200 14872 "http://www.semicomplete.com/blog/tags/puppet?flav=rss20" "Tiny Tiny RSS/1.11 (http://tt-rss.org/)""#,
    r#"192.0.2.17 - - [17/May/2015:10:05:03 +0000] "GET /blog/tags/puppet?flav=rss20 HTTP/1.1" 200 14872 "-" "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/""#,
    r#"192.0.2.18 - - [17/May/2015:10:05:33 +0000] "GET /blog/tags/firefox?flav=rss20 HTTP/1.1" 200 16021 "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#,
    r#"192.0.2.19 - - [17/May/2015:11:05:10 +0000] "GET /blog/geekery/disabling-battery-in-ubuntu-vms.html?utm_source=feedburner&utm_medium=feed&utm_campaign=Feed%3A+semicomplete%2Fmain+%28semicomplete.com+-+Jordan+Sissel%29 HTTP/1.1" 200 9316 "-" "Tiny Tiny RSS/1.11 (http://tt-rss.org/)""#,
    r#"192.0.2.20 - - [17/May/2015:11:05:48 +0000] "GET /blog/geekery/solving-good-or-bad-problems.html?utm_source=feedburner&utm_medium=feed&utm_campaign=Feed%3A+semicomplete%2Fmain+%28semicomplete.com+-+Jordan+Sissel%29 HTTP/1.1" 200 10756 "-" "Tiny Tiny RSS/1.11 (http://tt-rss.org/)""#,
    r#"192.0.2.21 - - [17/May/2015:11:05:28 +0000] "GET /blog/geekery/jquery-interface-puffer.html%20target= HTTP/1.1" 200 202 "-" "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)""#,
    r#"192.0.2.22 - - [20/May/2015:12:05:17 +0000] "GET /scripts/grok-py-test/configlib.py HTTP/1.1" 200 235 "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html"#,
    r#"192.0.2.23 - - [17/May/2015:10:05:58 +0000] "GET /blog/tags/examples HTTP/1.0" 200 9208 "http://www.semicomplete.com/blog/tags/C" "Mozilla/5.0 (compatible; archive.org_bot +http://www.archive.org/details/archive.org_bot)""#,
    r#"192.0.2.24 - - [17/May/2015:10:05:48 +0000] "GET / HTTP/1.0" 200 37932 "http://www.semicomplete.com/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.7; rv:21.0) Gecko/20100101 Firefox/21.0""#,
    r#"192.0.2.25 - - [17/May/2015:10:05:36 +0000] "GET /reset.css HTTP/1.1" 200 1015 "-" "-""#,
    r#"192.0.2.26 - - [18/May/2015:11:05:47 +0000] "GET /presentations/vim/+++Result:+%E8%F1%EF HTTP/1.0" 403 676 "http://www.semicomplete.com/presentations/vim/+++Result:+%E8%F1%EF "Opera/9.80 (Windows NT 6.1; WOW64; U; ru) Presto/2.10.289 Version/12.01""#,
];
